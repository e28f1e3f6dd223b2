"""The section ``arbitrage`` and what follows from it."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal

import pytest

from perpbot.arbitrage.settings import ArbitrageSettings, ScoreWeights
from perpbot.arbitrage.universe import scanned_symbols
from perpbot.core.errors import InputError
from perpbot.core.settings import SettingError, build

LISTED = [("alpha", "BTC-USD-PERP"), ("beta", "BTC-USD-PERP"), ("alpha", "ETH-USD-PERP"), ("okx", "ETH-USD-PERP")]


def test_the_defaults_are_those_users_rely_on() -> None:
    """Names and values of CONTRACTS.md §5."""
    weights = ScoreWeights(Decimal("0.5"), Decimal("0.2"), Decimal("0.3"))
    assert {f.name: getattr(ArbitrageSettings(), f.name) for f in fields(ArbitrageSettings)} == {
        "enabled": True,
        "symbols": "auto",
        "min_profit_pct": Decimal("0.0005"),
        "candidate_gap_bps": Decimal(1),
        "basis_window_seconds": Decimal(300),
        "basis_warmup_seconds": Decimal(60),
        "haircut_bps": Decimal("0.5"),
        "age_haircut_bps_per_second": Decimal(10),
        "depth_share": Decimal("0.25"),
        "max_concurrent": 3,
        "full_score_profit_pct": Decimal("0.001"),
        "score_weights": weights,
    }


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"score_weights": {"profit": 0.6}}, "must sum to 1"),
        ({"basis_warmup_seconds": 301}, "longer than basis_window_seconds"),
        ({"symbols": ["btc"]}, "not a symbol"),
        ({"min_profit_pct": float("nan")}, "min_profit_pct"),
        ({"depth_share": 0}, "depth_share"),
        ({"min_profit": 1}, "min_profit_pct"),
    ],
)
def test_what_is_out_of_range_is_refused_by_name(values: dict[str, object], words: str) -> None:
    """One clear line says which setting and why."""
    with pytest.raises(SettingError, match=words):
        build(ArbitrageSettings, values)


def test_auto_scans_what_two_trading_exchanges_list() -> None:
    """A reference exchange does not count; a list in the configuration is taken as it is."""
    assert scanned_symbols(ArbitrageSettings(), LISTED, ("alpha", "beta")) == ("BTC-USD-PERP",)
    chosen = ArbitrageSettings(symbols=("ETH-USD-PERP",))
    assert scanned_symbols(chosen, LISTED, ("alpha", "beta")) == ("ETH-USD-PERP",)


def test_symbols_that_nobody_lists_are_refused() -> None:
    """A typing error must not become a bot that runs for days and looks at nothing."""
    chosen = ArbitrageSettings(symbols=("BCT-USD-PERP",))
    with pytest.raises(InputError, match=r"no trading exchange lists BCT-USD-PERP; only BTC-USD-PERP, ETH-USD-PERP"):
        scanned_symbols(chosen, LISTED, ("alpha", "beta"))
