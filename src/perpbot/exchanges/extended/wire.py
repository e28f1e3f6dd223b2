"""What Extended lists of a market, as it names it: https://api.docs.extended.exchange, "Get markets".

``type``, ``isRfq``, ``isOffHours`` and ``tradingHours`` are of the models of x10-python-trading-starknet 2.6.0
(``x10/models/market.py``); neither the documentation nor a listing recorded in 2026-04 has them.
"""

from collections.abc import Mapping
from typing import Final

from perpbot.core.instruments import MarketStatus

FAILURES: Final = frozenset({"ERROR", "error"})
"""``status`` of an answer without data."""
ANSWERS: Final = FAILURES | {"OK", "ok"}
"""Upper case from the servers, lower case too in the documentation."""
PERPETUAL: Final = "PERPETUAL"

STATUSES: Final[Mapping[str, MarketStatus]] = {
    "ACTIVE": MarketStatus.OPEN,
    "REDUCE_ONLY": MarketStatus.REDUCE_ONLY,
    "DELISTED": MarketStatus.CLOSED,
    "PRELISTED": MarketStatus.HALTED,
    "DISABLED": MarketStatus.HALTED,
}
TYPES: Final = frozenset({PERPETUAL, "SPOT"})
TRADING_HOURS: Final = frozenset({"CONTINUOUS", "WEEKDAYS", "REGULAR", "NO_OVERNIGHT"})

MARKET_FIELDS: Final = frozenset(
    {
        *("name", "type", "active", "status", "isRfq", "isOffHours", "tradingHours"),
        *("uiName", "category", "subCategory", "description", "visibleOnUi", "createdAt"),
        *("assetName", "assetPrecision", "collateralAssetName", "collateralAssetPrecision"),
        *("marketStats", "tradingConfig", "l2Config"),
    }
)
TRADING_FIELDS: Final = frozenset(
    {
        *("minOrderSize", "minOrderSizeChange", "minPriceChange", "maxLeverage", "maxNumOrders"),
        *("maxMarketOrderValue", "maxLimitOrderValue", "maxPositionValue", "limitPriceCap", "limitPriceFloor"),
        *("hourlyFundingRateCap", "riskFactorConfig"),
    }
)
CHAIN_FIELDS: Final = frozenset({"type", "collateralId", "collateralResolution", "syntheticId", "syntheticResolution"})
