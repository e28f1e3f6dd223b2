"""Exchange classes are found by name, by class path or among installed extensions."""

from pathlib import Path

import pytest

from perpbot.core.errors import ConfigError
from perpbot.exchanges.registry import ExchangeRegistry, installed, load
from perpbot.simulation.paper.exchange import PaperExchange

PAPER = "perpbot.simulation.paper.exchange:PaperExchange"


def registry() -> ExchangeRegistry:
    return ExchangeRegistry({"paradex": PAPER}, lambda: {"plugin": PAPER, "paradex": "nowhere:Nothing"})


def test_a_registered_name_gives_its_class() -> None:
    """Shipped and installed alike; what is shipped is not replaced by an extension of its name."""
    assert registry().find("plugin") is PaperExchange
    assert registry().find("paradex") is PaperExchange
    assert registry().names == ("paradex", "plugin")


def test_a_stated_class_wins_over_the_name() -> None:
    """The name may then be anything."""
    assert registry().find("new_exchange", PAPER) is PaperExchange


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    """One line that says what is allowed."""
    with pytest.raises(ConfigError, match="did you mean paradex") as caught:
        registry().find("paradx")
    assert "exchanges.paradx" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ["no.such.module:Name", "perpbot.core.orders:Nobody", "perpbot", ":Name", "a..b:C"])
def test_a_class_that_cannot_be_loaded_is_refused(path: str) -> None:
    """Naming the setting and the path."""
    with pytest.raises(ConfigError, match=r"exchanges\.x\.class: .* cannot be loaded"):
        load(path, "exchanges.x.class")


def test_a_class_that_is_no_exchange_is_refused() -> None:
    """It must extend the base class."""
    with pytest.raises(ConfigError, match="is not an exchange"):
        load("perpbot.core.orders:Order", "exchanges.x.class")


def test_installed_extensions_are_read_from_their_entry_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that offers an exchange under ``perpbot.exchanges`` is found by being installed."""
    package = tmp_path / "dreamex-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: dreamex\nVersion: 1.0\n", encoding="utf-8")
    (package / "entry_points.txt").write_text(f"[perpbot.exchanges]\ndreamex = {PAPER}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert installed()["dreamex"] == PAPER
    assert ExchangeRegistry({}).find("dreamex") is PaperExchange


def test_a_class_that_lacks_a_method_is_refused() -> None:
    """Each missing method is named, before anything is made of the class."""
    with pytest.raises(ConfigError, match="is not complete; it must have cancel_order, connect, disconnect"):
        load("perpbot.exchanges.base:ExchangeBase", "exchanges.x.class")


def test_whatever_a_module_raises_while_it_is_loaded_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only a missing module: a user's own mistakes too."""
    (tmp_path / "half_written.py").write_text("client = 1 / 0\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=r"exchanges\.x\.class: half_written:Mine .*ZeroDivisionError") as caught:
        load("half_written:Mine", "exchanges.x.class")
    assert "\n" not in str(caught.value)
