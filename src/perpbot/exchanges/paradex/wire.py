"""What Paradex lists of a market, as it names it.

Source: ``responses.MarketResp`` of Paradex's OpenAPI 1.132.1, https://docs.paradex.trade/api/prod/markets/get-markets;
``chain_details`` is of the same page's example.
"""

from collections.abc import Mapping
from typing import Final

from perpbot.core.instruments import MarketStatus

PERPETUAL: Final = "PERP"
ASSET_KINDS: Final = frozenset({PERPETUAL, "PERP_OPTION", "SPOT", "OPTION", "FUTURE"})
MARKET_KINDS: Final = frozenset({"", "cross", "isolated", "isolated_margin"})
TRADING_MODES: Final[Mapping[str, MarketStatus]] = {
    "STANDARD": MarketStatus.OPEN,
    "RFQ_ONLY": MarketStatus.HALTED,
}
"""A market traded by request for quote alone has no book to send an order to."""

MARKET_FIELDS: Final = frozenset(
    {
        *("symbol", "base_currency", "quote_currency", "settlement_currency", "asset_kind", "market_kind"),
        *("trading_mode", "order_size_increment", "price_tick_size", "min_notional", "max_order_size"),
        *("position_limit", "max_open_orders", "open_at", "expiry_at", "price_bands_width", "iv_bands_width"),
        *("max_slippage", "max_tob_spread", "interest_rate", "clamp_rate", "max_funding_rate"),
        *("max_funding_rate_change", "funding_period_hours", "funding_multiplier", "oracle_ewma_factor"),
        *("price_feed_id", "delta1_cross_margin_params", "option_cross_margin_params", "option_type"),
        *("strike_price", "fee_config", "tags", "chain_details"),
    }
)
MARGIN_FIELDS: Final = frozenset({"imf_base", "imf_factor", "imf_shift", "mmf_factor"})
FEE_FIELDS: Final = frozenset({"api_fee", "interactive_fee", "rpi_fee"})
