"""The recorded market of three Binance engines: exact counts, no false edge, and the identity from the fills alone."""

from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e.conftest import Perpbot
from tests.e2e.identity import recomputed

pytestmark = pytest.mark.shared
NAME = "binance-2024-08-08"
ZERO_FEES = tuple(
    f"--set={setting}"
    for setting in (
        "exchanges.binance_usdm.taker_fee_pct=0",
        "exchanges.binance_coinm.taker_fee_pct=0",
        "arbitrage.min_profit_pct=0.0001",
        "execution.limit_mode=slippage",
    )
)


@pytest.fixture
def recorded(shared: Path) -> Path:
    folder = shared / "data" / NAME
    if not folder.is_dir():
        pytest.fail(f"{folder} is missing")
    return folder


def test_at_default_costs_no_pair_opens(perpbot: Perpbot, recorded: Path) -> None:
    """The lasting basis of 1 to 4 bps is not edge. Frames, updates and gaps are those of data/README.md."""
    ended = perpbot("replay", recorded, "--json")
    result = ended.json
    assert ended.code == 0, ended.err
    assert result["frames"] == 332_200
    assert result["updates"] == {"BTC-USD-PERP": 84_960, "ETH-USD-PERP": 69_644}
    assert result["gaps_bps"] == {
        "BTC-USD-PERP": {"3": 1605, "5": 328, "8": 90, "10": 20},
        "ETH-USD-PERP": {"3": 9771, "5": 23, "8": 0, "10": 0},
    }
    assert result["opportunities"] == sum(result["verdicts"].values()) > 1000
    assert set(result["pairs"].values()) == {0}
    assert result["invariants"]["violated"] == {}
    assert result["problems"] == {
        "sequence_gaps": {},
        "bad_frames": {"count": 0, "first": []},
        "no_snapshot": [],
        "clock_reversals": {},
    }
    told = perpbot("why", "BTC-USD-PERP", "--json").json
    assert {step["reason"] for step in told["reasons"]} >= {"basis_warming", "edge_below_minimum"}
    edge = next(step for step in told["reasons"] if step["reason"] == "edge_below_minimum")
    assert Decimal(edge["measured"]) < Decimal(edge["limit"]) == Decimal("0.0005")


def test_without_fees_tens_of_pairs_trade_and_the_fills_alone_give_the_identity(
    perpbot: Perpbot, recorded: Path
) -> None:
    """Both symbols trade; every figure is recomputed from ``export fills``; two runs print the same."""
    ended = perpbot("replay", recorded, "--json", *ZERO_FEES)
    result = ended.json
    assert ended.code == 0, ended.err
    assert 30 <= result["pairs"]["opened"] <= 45
    assert result["pairs"]["closed"] == result["pairs"]["opened"]
    assert all(counts["closed"] >= 10 for counts in result["pairs_by_symbol"].values())
    assert result["invariants"]["violated"] == {}
    price, fees = recomputed(perpbot("export", "fills").out)
    pnl = {name: Decimal(amount) for name, amount in result["pnl"].items()}
    assert pnl == {"price": price, "fees": fees, "funding": 0, "gas": 0, "total": price - fees}
    assert Decimal(result["equity_change"]) == price - fees
    again = perpbot("replay", recorded, "--json", *ZERO_FEES).json
    for measured in ("elapsed_seconds", "events_per_second"):
        del result[measured], again[measured]
    assert again == result
