"""Names and defaults of settings are public: they are those of the contract."""

import re
from pathlib import Path
from typing import Any

from perpbot.config import describe, plain
from perpbot.core.settings import setting_fields
from perpbot.exchanges.settings import ExchangeSettings
from perpbot.service.configuration import SECTIONS
from tests.unit.config.sections import ROOMS

_ROW = re.compile(r"^\| `(?P<section>[a-z]+)(?:\.<name>)?` \| (?P<keys>.+) \|$", re.MULTILINE)
_KEY = re.compile(r"`(?P<key>[a-z_]+)`(?:, `[a-z_]+`)?(?: (?P<default>\[[^]]*\]|\{[^}]*\}|[^\s,·]+))?")
_BY_THE_EXCHANGE = {
    "enabled",
    "type",
    "trading",
    "network",
    "taker_fee_pct",
    "maker_fee_pct",
    "min_order_size",
    "class",
}
TABLE: dict[str, dict[str, Any]] = {
    "capital": {
        "wu_size": "10000",
        "wash_budget_pct": "0.70",
        "arb_budget_pct": "0.20",
        "reserve_pct": "0.10",
        "drawdown_limit_pct": "0.05",
        "safe_mode_exit_ratio": "0.8",
        "safe_mode_pools": ["wash", "reserve"],
        "notional_per_equity": "1",
    },
    "arbitrage": {
        "enabled": True,
        "symbols": "auto",
        "min_profit_pct": "0.0005",
        "candidate_gap_bps": "1",
        "basis_window_seconds": "300",
        "basis_warmup_seconds": "60",
        "haircut_bps": "0.5",
        "age_haircut_bps_per_second": "10",
        "depth_share": "0.25",
        "max_concurrent": 3,
        "full_score_profit_pct": "0.001",
        "score_weights": {"profit": "0.5", "liquidity": "0.2", "reliability": "0.3"},
    },
    "risk": {
        "max_risk_pct": "0.05",
        "max_drawdown_pct": "0.10",
        "daily_loss_pct": "0.05",
        "daily_loss_limit": "500",
        "day_timezone": "UTC",
        "max_consecutive_failures": 3,
        "failure_pause_seconds": 600.0,
        "class": None,
        "misses_count_as_failures": False,
        "max_symbol_exposure": "0.30",
        "fast_market_pct": "0.005",
        "fast_market_window_seconds": 1.0,
        "fast_market_freeze_seconds": 5.0,
        "freeze_seconds": 60.0,
        "adverse_move_pct": "0.005",
        "worst_case_loss_pct": "0.002",
    },
    "position": {"max_position_size": "1000", "max_concentration_pct": "0.30", "cooldown_seconds": 60.0},
    "execution": {
        "max_slippage_pct": "0.001",
        "limit_mode": "edge",
        "fill_timeout_seconds": 30.0,
        "order_expiry_seconds": 2.0,
        "max_unhedged_seconds": 2.0,
        "max_unhedged_notional": "2000",
        "max_book_age_seconds": 1.0,
        "max_skew_seconds": 0.5,
        "price_sanity_pct": "0.02",
        "max_residual_pct": "0.05",
        "miss_backoff_seconds": 1.0,
        "poll_seconds": 1.0,
    },
    "exits": {
        "target_profit_pct": "0.01",
        "stop_loss_pct": "0.005",
        "time_limit_seconds": "3600",
        "liquidation_distance_pct": "0.10",
    },
    "exchanges.<name>": {
        "enabled": True,
        "type": None,
        "trading": None,
        "network": None,
        "taker_fee_pct": None,
        "maker_fee_pct": None,
        "funding_rate": "0",
        "latency_seconds": 0.005,
        "min_order_size": "0",
        "class": None,
    },
    "service": {
        "mode": "demo",
        "initial_state": "ACTIVE",
        "loop_interval_seconds": 1.0,
        "reconcile_seconds": 15.0,
        "alerts_may_start": False,
    },
    "display": {"timezone": "UTC", "language": "en"},
    "maintenance": {"lead_seconds": 300.0},
    "journal": {"durability": "process"},
    "live": {"max_pair_notional": "50", "max_day_notional": "500"},
    "demo": {
        "symbols": ["BTC-USD-PERP", "ETH-USD-PERP", "SUI-USD-PERP", "KAITO-USD-PERP"],
        "pulses_per_minute": 3.0,
        "pulse_bps": 30.0,
        "pulse_seconds": 0.3,
    },
    "notifications": {
        "webhook.url": None,
        "webhook.timeout_seconds": 5.0,
        "command.argv": None,
        "command.timeout_seconds": 10.0,
    },
    "storage": {"logs_mb": 100, "journal_mb": 2000, "recordings_mb": 5000},
}
"""Section → key → default, plain: public names, kept for ever. ``None``: none, or as the exchange says."""
_SHORT_SYMBOLS = "[BTC, ETH, SUI, KAITO]-USD-PERP"


def test_the_public_settings_and_their_defaults_stand() -> None:
    """They may be added to; none of these is ever renamed, and no default changes unseen."""
    rows = {row.key: row.default for row in describe(SECTIONS)}
    for section, keys in TABLE.items():
        for key, default in keys.items():
            assert rows[f"{section}.{key}"] == default, f"{section}.{key}"
    assert {"strategies", "alerts", "notifications"} < set(SECTIONS)


def contract(shared: Path) -> dict[str, dict[str, str | None]]:
    """Section → key → default as the contract's table has them."""
    text = (shared / "CONTRACTS.md").read_text(encoding="utf-8").split("## 5.")[1].replace(_SHORT_SYMBOLS, "[BTC]")
    rows = {match["section"]: match["keys"] for match in _ROW.finditer(text)}
    return {
        section: {match["key"]: match["default"] for part in keys.split(" · ") if (match := _KEY.match(part))}
        for section, keys in rows.items()
    }


def as_the_contract_writes(value: Any) -> str:
    """A plain default in the table's words."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(value)}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} {item}" for key, item in value.items()) + "}"
    return str(value)


def same(stated: str, value: Any) -> bool:
    """Whether two defaults are the same, numbers by value."""
    written = as_the_contract_writes(value)
    return stated == written or (re.fullmatch(r"[0-9.]+", stated) is not None and float(stated) == float(written))


def test_every_setting_of_the_contract_exists_with_its_default(shared: Path) -> None:
    """Scripts, alert rules and people's files rely on them."""
    stated = contract(shared)
    assert set(ROOMS) < set(stated)
    for section, cls in ROOMS.items():
        fields = {spec.key: plain(spec.default) for spec in setting_fields(cls)}
        assert set(stated[section]) <= set(fields), section
        for key, default in stated[section].items():
            if default and (section, key) != ("demo", "symbols"):
                assert same(default, fields[key]), f"{section}.{key} is {fields[key]}, not {default}"


def test_an_exchange_has_the_settings_of_the_contract(shared: Path) -> None:
    """What has no default there is as the exchange says, or as shipped for it."""
    fields = {spec.key: plain(spec.default) for spec in setting_fields(ExchangeSettings)}
    stated = contract(shared)["exchanges"]
    assert set(stated) | {"maker_fee_pct"} == set(fields)
    for key in set(fields) - _BY_THE_EXCHANGE:
        default = stated[key]
        assert default is not None
        assert same(default, fields[key])
