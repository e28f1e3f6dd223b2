"""Defaults, file, environment and --set become settings that know where each value came from."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from perpbot.config import Each, Loaded, Many, Source, load, read
from perpbot.core.errors import ConfigError
from perpbot.exchanges.settings import ExchangeSettings
from perpbot.service.settings import ServiceSettings
from perpbot.simulation.market.settings import DemoSettings
from tests.unit.config.sections import SECTIONS, Shares


def loaded(tmp_path: Path, text: str = "# nothing\n", overrides: tuple[str, ...] = (), **environ: str) -> Loaded:
    file = tmp_path / "perpbot.yaml"
    file.write_text(text, encoding="utf-8")
    return load(SECTIONS, file=file, overrides=overrides, environ=environ)


def refusal(tmp_path: Path, text: str = "# nothing\n", overrides: tuple[str, ...] = (), **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text, overrides, **environ)
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(f"{tmp_path}/", "")


def test_nothing_written_gives_the_defaults() -> None:
    """One file, all optional: also no file at all."""
    settings = load(SECTIONS).of(Shares)
    assert settings == Shares()
    assert load(SECTIONS).source("shares.wash_pct") == Source("default")


def test_set_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    """The nearer the hand, the stronger; each value remembers where it came from."""
    text = "demo:\n  pulse_bps: 11\n  pulse_seconds: 0.4\n  pulses_per_minute: 7\n"
    environ = {"PERPBOT_DEMO__PULSE_SECONDS": "0.5", "PERPBOT_DEMO__PULSES_PER_MINUTE": "8"}
    result = loaded(tmp_path, text, ("demo.pulses_per_minute=9",), **environ)
    assert result.of(DemoSettings) == DemoSettings(pulse_bps=11, pulse_seconds=0.5, pulses_per_minute=9)
    assert result.source("demo.pulse_bps") == Source("file", f"{tmp_path}/perpbot.yaml:2:14")
    assert result.source("demo.pulse_seconds") == Source("environment", "PERPBOT_DEMO__PULSE_SECONDS")
    assert result.source("demo.pulses_per_minute") == Source("set", "--set demo.pulses_per_minute")
    assert result.source("demo.symbols").origin == "default"


def test_the_last_of_two_sets_wins(tmp_path: Path) -> None:
    """As with every command-line option."""
    assert loaded(tmp_path, overrides=("shares.count=4", "shares.count=5")).of(Shares).count == 5


def test_a_set_changes_one_key_of_a_section_in_the_file(tmp_path: Path) -> None:
    """What it does not name stays."""
    result = loaded(tmp_path, "shares: {count: 4, wait_seconds: 2}\n", ("shares.count=5",))
    assert (result.of(Shares).count, result.of(Shares).wait_seconds) == (5, 2.0)


def test_variables_without_a_section_are_not_settings(tmp_path: Path) -> None:
    """PERPBOT_HOME names the state folder, and other programs have variables too."""
    assert loaded(tmp_path, PERPBOT_HOME="/x", PERPBOT_SHARED="/y", HOME="/z", OTHER__X="1").of(Shares) == Shares()


def test_numbers_are_exact(tmp_path: Path) -> None:
    """They are taken from their text, never through a float."""
    result = loaded(
        tmp_path, "shares: {wash_pct: 0.1000000000000000000001}\n", ("shares.arb_pct=0.8999999999999999999999",)
    )
    assert result.of(Shares).wash_pct == Decimal("0.1000000000000000000001")


def test_an_empty_section_is_its_defaults(tmp_path: Path) -> None:
    """A section whose lines are all commented out."""
    assert loaded(tmp_path, "shares:\ndemo: {}\nexchanges:\nstrategies:\n").of(Shares) == Shares()


def test_named_entries_have_their_own_settings(tmp_path: Path) -> None:
    """`exchanges.<name>` exists as soon as one of its keys is written, wherever."""
    result = loaded(
        tmp_path,
        "exchanges:\n  paradex: {enabled: true, type: dex}\n  okx:\n",
        ("exchanges.mine.class=a.b:C",),
        PERPBOT_EXCHANGES__BINANCE_USDM__TAKER_FEE_PCT="0",
    )
    exchanges = result.each("exchanges", ExchangeSettings)
    assert set(exchanges) == {"paradex", "okx", "mine", "binance_usdm"}
    assert exchanges["paradex"] == ExchangeSettings(type="dex")
    assert exchanges["mine"].class_ == "a.b:C"
    assert exchanges["binance_usdm"].taker_fee_pct == 0
    assert result.source("exchanges.mine.class").origin == "set"


def test_a_name_may_have_a_settings_class_of_its_own() -> None:
    """An extension brings its own keys."""
    sections = {"exchanges": Each(ExchangeSettings, {"mine": Shares})}
    result = load(sections, overrides=["exchanges.mine.count=9", "exchanges.okx.trading=false"])
    assert result.each("exchanges", Shares)["mine"].count == 9
    assert list(result.each("exchanges", ExchangeSettings)) == ["okx"]


def test_a_list_section_has_entries(tmp_path: Path) -> None:
    """`strategies` is a list; its entries' keys are the strategies' own, and their places are known."""
    result = loaded(tmp_path, "strategies:\n  - class: a:B\n    size: 0.1\n")
    assert result.settings["strategies"] == ({"class": "a:B", "size": Decimal("0.1")},)
    assert result.source("strategies.0.size").where.endswith("perpbot.yaml:3:11")


def test_a_list_section_can_be_checked(tmp_path: Path) -> None:
    """With a settings class each entry is an object of it, and an error names its number."""
    assert load({"shares": Many(Shares)}, overrides=["shares=[{count: 4}, {}]"]).settings["shares"] == (
        Shares(count=4),
        Shares(),
    )
    with pytest.raises(ConfigError, match=r"^--set shares: shares\.1\.count must be a whole number"):
        load({"shares": Many(Shares)}, overrides=["shares=[{}, {count: 0}]"])


def test_text_needs_no_quotes_on_the_command_line_and_in_variables(tmp_path: Path) -> None:
    """A chat id or a version looks like a number there and is text all the same; in the file it is quoted."""
    assert loaded(tmp_path, overrides=("shares.zone=5",)).of(Shares).zone == "5"
    assert loaded(tmp_path, PERPBOT_SHARES__ZONE="true").of(Shares).zone == "true"
    assert loaded(tmp_path, "shares: {zone: '5'}\n").of(Shares).zone == "5"
    assert refusal(tmp_path, "shares: {zone: 5}\n") == "perpbot.yaml:1:16: shares.zone must be text, not 5"


def test_lists_and_mappings_can_be_set(tmp_path: Path) -> None:
    """In YAML's short form."""
    result = loaded(tmp_path, overrides=("shares.symbols=[A, B]", "shares.weights={profit: 1}")).of(Shares)
    assert result.symbols == ("A", "B")
    assert dict(result.weights) == {"profit": 1}
    one = loaded(tmp_path, "shares: {weights: {profit: 0.5, liquidity: 0.5}}\n", ("shares.weights.profit=0.9",))
    assert one.of(Shares).weights == {"profit": Decimal("0.9"), "liquidity": Decimal("0.5")}


def test_before_the_check_extensions_can_be_looked_up(tmp_path: Path) -> None:
    """Which classes there are is written in the same file that they check."""
    file = tmp_path / "perpbot.yaml"
    file.write_text("exchanges:\n  mine: {class: 'a:B', depth: 5}\n", encoding="utf-8")
    configuration = read(file)
    assert configuration.peek("exchanges", "mine", "class") == "a:B"
    assert configuration.peek("exchanges", "okx") is None
    assert configuration.where("exchanges", "mine", "class") == f"{file}:2:17"


ALLOWED = ", ".join(sorted(SECTIONS))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("share:\n", f"perpbot.yaml:1:1: share is not known; did you mean shares? (allowed: {ALLOWED})"),
        ("shares: 5\n", "perpbot.yaml:1:9: shares must be a mapping of keys to values"),
        ("- shares\n", "perpbot.yaml:1:1: must be a mapping of sections, such as `risk:`"),
        ("strategies: {a: 1}\n", "perpbot.yaml:1:13: strategies must be a list of entries, each beginning with a dash"),
        ("strategies: [5]\n", "perpbot.yaml:1:14: strategies.0 must be a mapping of keys to values"),
        ("exchanges: {okx: 5}\n", "perpbot.yaml:1:18: exchanges.okx must be a mapping of keys to values"),
        (
            "shares:\n  symbols: [A, 5]\n",
            "perpbot.yaml:2:16: shares.symbols.1 must be text, not 5",
        ),
        (
            "shares:\n  weights: {profit: -1}\n",
            "perpbot.yaml:2:21: shares.weights.profit must be a number, at least 0, not -1",
        ),
        (
            "shares:\n  wash_pct: 1.5\n",
            "perpbot.yaml:2:13: shares.wash_pct must be a number (fraction), at least 0 and at most 1, not 1.5",
        ),
        ("shares:\n  mode: eege\n", "perpbot.yaml:2:9: shares.mode must be one of edge, slippage, not the text 'eege'"),
        (
            "shares:\n  wash_pct: 0.8\n",
            "perpbot.yaml:2:3: shares is not consistent: wash_pct + arb_pct must be 1, not 1.1",
        ),
    ],
)
def test_what_is_wrong_in_the_file_is_one_line_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    """File, line and column, the key, what is allowed, and what stands there."""
    assert refusal(tmp_path, text) == message


def test_a_key_on_the_wrong_level_is_told_its_section(tmp_path: Path) -> None:
    """Indentation lost is the commonest slip."""
    assert refusal(tmp_path, "pulse_bps: 5\n").endswith("; pulse_bps belongs under demo")
    assert refusal(tmp_path, "demo:\n  taker_fee_pct: 0\n").endswith("; taker_fee_pct belongs under exchanges")


def test_a_blank_at_the_end_of_a_key_is_seen(tmp_path: Path) -> None:
    """It would not be, without quotes."""
    assert "demo.'pulse_bps ' is not known; did you mean pulse_bps?" in refusal(tmp_path, "demo: {'pulse_bps ': 5}\n")


@pytest.mark.parametrize("key", ["private_key", "api_key", "API-Secret"])
def test_a_secret_in_the_file_is_refused_without_being_shown(tmp_path: Path, key: str) -> None:
    """Keys come from the environment or the keystore; an error message is no place for them."""
    message = refusal(tmp_path, f"exchanges:\n  paradex:\n    {key}: 0xdeadbeef\n")
    assert message.startswith(f"perpbot.yaml:3:5: exchanges.paradex.{key} is not known")
    assert message.endswith("keys of accounts come from the environment, never from here")
    assert "deadbeef" not in message


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("shares.count", "--set shares.count: write it as --set section.key=value"),
        ("=5", "--set '': write it as --set section.key=value"),
        ("shares..count=5", "--set shares..count: write it as --set section.key=value"),
        (
            "shares.symbols=[A",
            (
                "--set shares.symbols: not valid YAML: a flow sequence does not end:"
                " expected ',' or ']', but got '<stream end>'"
            ),
        ),
        ("nope.x=1", f"--set nope.x: nope is not known (allowed: {ALLOWED})"),
        ("shares.count.x=1", "--set shares.count.x: shares.count must be a whole number (pairs), "),
        ("shares.count=", "--set shares.count: shares.count must be a whole number (pairs), at least 1"),
        ("shares.count=2.5", "--set shares.count: shares.count must be a whole number (pairs), at least 1"),
        (
            "shares.wash_pct=0.8",
            "--set shares.wash_pct: shares is not consistent: wash_pct + arb_pct must be 1, not 1.1",
        ),
        ("strategies.0.x=1", "--set strategies.0.x: strategies must be a list of entries"),
    ],
)
def test_a_bad_set_names_itself(tmp_path: Path, override: str, message: str) -> None:
    """The same checks and words as for the file, at the place where it was given."""
    assert refusal(tmp_path, overrides=(override,)).startswith(message)


def test_a_bad_variable_names_itself(tmp_path: Path) -> None:
    """The same checks and words as for the file, at the place where it was given."""
    assert refusal(tmp_path, PERPBOT_SHARES__COUNT="x").startswith(
        "PERPBOT_SHARES__COUNT: shares.count must be a whole"
    )
    assert refusal(tmp_path, PERPBOT_SHARE__COUNT="1").startswith(
        "PERPBOT_SHARE__COUNT: share is not known; did you mean"
    )


def test_a_rule_across_keys_points_at_what_was_laid_over_the_file(tmp_path: Path) -> None:
    """The file was consistent; the change was not."""
    message = refusal(tmp_path, "shares: {wash_pct: 0.6, arb_pct: 0.4}\n", PERPBOT_SHARES__ARB_PCT="0.5")
    assert message == "PERPBOT_SHARES__ARB_PCT: shares is not consistent: wash_pct + arb_pct must be 1, not 1.1"


def test_a_rule_across_keys_points_at_the_keys_it_is_about(tmp_path: Path) -> None:
    """Not at another key of the section, wherever that was said."""
    text = "shares:\n  count: 3\n  wash_pct: 0.8\n  zone: here\n"
    message = refusal(tmp_path, text, PERPBOT_SHARES__COUNT="5")
    assert message == "perpbot.yaml:3:3: shares is not consistent: wash_pct + arb_pct must be 1, not 1.1"


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("PERPBOT_SHARES_WASH_PCT", "PERPBOT_SHARES__WASH_PCT"),
        ("perpbot_shares__wash_pct", "PERPBOT_SHARES__WASH_PCT"),
        ("PERPBOT_Shares__Wash_Pct", "PERPBOT_SHARES__WASH_PCT"),
        ("PERPBOT_SHARES", "PERPBOT_SHARES__KEY"),
        ("PERPBOT_SHARES__", "PERPBOT_SHARES__KEY"),
        ("PERPBOT_EXCHANGES_OKX", "PERPBOT_EXCHANGES__OKX"),
    ],
)
def test_a_variable_that_would_be_ignored_is_refused(tmp_path: Path, variable: str, meant: str) -> None:
    """It names a section: who wrote it believes that the limit holds."""
    file = tmp_path / "perpbot.yaml"
    file.write_text("# nothing\n")
    with pytest.raises(ConfigError) as caught:
        load(SECTIONS, file=file, environ={variable: "1"})
    assert str(caught.value) == (
        f"{variable}: is no setting; write it as {meant}, in capitals and with two underscores"
    )


def test_a_section_nobody_loaded_is_a_programming_error() -> None:
    """Asking for the settings of a room that was not handed in is not the operator's fault."""
    with pytest.raises(KeyError):
        load({"demo": DemoSettings}).of(ServiceSettings)


@pytest.mark.parametrize(
    ("section", "values"),
    [
        ("display", {"timezone": "Mars/Olympus"}),
        ("demo", {"symbols": ["btc"]}),
        ("demo", {"symbols": []}),
        ("demo", {"symbols": ["BTC-USD-PERP", "BTC-USD-PERP"]}),
        ("live", {"max_pair_notional": 501}),
        ("exchanges", {"mine": {"class": "module.Name"}}),
        ("exchanges", {"mine": {"maker_fee_pct": -0.02}}),
    ],
)
def test_the_rooms_own_rules_are_kept(section: str, values: dict[str, Any]) -> None:
    """A time zone that exists, symbols that are symbols, limits that fit each other."""
    with pytest.raises(ConfigError, match=f"{section}"):
        load(SECTIONS, overrides=[f"{section}={values}"])


def test_trading_with_real_money_never_starts_by_itself() -> None:
    """In live mode the initial state ACTIVE becomes REDUCING."""
    assert ServiceSettings().first_state == "ACTIVE"
    assert ServiceSettings(mode="live").first_state == "REDUCING"
    assert ServiceSettings(mode="live", initial_state="HALTED").first_state == "HALTED"
