"""Every setting can be explained: what it is, takes, is set to, and why."""

import json
from decimal import Decimal

from perpbot.config import Source, describe, load, plain
from perpbot.core.settings import setting_fields
from tests.unit.config.sections import SECTIONS, SINGLE


def test_every_setting_has_a_row_with_its_meaning() -> None:
    """A setting nobody can explain should not exist; numbers say their unit."""
    rows = {row.key: row for row in describe(SECTIONS)}
    assert {f"{name}.{spec.key}" for name, cls in SINGLE.items() for spec in setting_fields(cls)} < set(rows)
    assert "exchanges.<name>.taker_fee_pct" in rows
    assert all(row.help and row.takes for row in rows.values())
    assert all(row.unit for row in rows.values() if row.takes.startswith("a number (") and row.key != "shares.limit")


def test_a_row_says_value_default_and_source() -> None:
    """What is set, what it would be otherwise, and where that was said."""
    loaded = load(SECTIONS, overrides=["shares.count=7", "exchanges.okx.taker_fee_pct=0.0000001"])
    rows = {row.key: row for row in describe(SECTIONS, loaded)}
    count = rows["shares.count"]
    assert (count.value, count.default, count.unit) == (7, 3, "pairs")
    assert count.takes == "a whole number (pairs), at least 1 and at most 100"
    assert count.source == Source("set", "--set shares.count")
    assert rows["shares.arb_pct"].live
    assert not count.live
    assert rows["exchanges.okx.taker_fee_pct"].value == "0.0000001"
    assert rows["exchanges.okx.enabled"].source.origin == "default"


def test_plain_values_are_json_without_exponents() -> None:
    """Amounts are strings in plain notation, everything else is as JSON has it."""
    settings = load(SECTIONS, overrides=["shares.limit=1e-7"]).settings["shares"]
    value = plain(settings)
    assert value["limit"] == "0.0000001"
    assert value["weights"] == {"profit": "0.5", "liquidity": "0.5"}
    assert json.loads(json.dumps(value)) == value
    assert plain((Decimal("1E+3"), True, None)) == ["1000", True, None]
