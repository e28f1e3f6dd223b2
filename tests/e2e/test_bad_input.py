"""Bad input is one clear line and exit code 2, or a finished run that counts and names it; never a traceback."""

from pathlib import Path

import pytest

from tests.e2e.conftest import TRADING, Perpbot
from tests.e2e.recording import COINM, FRAMES, USDM, edit, is_depth, is_snapshot


def test_a_missing_dataset_is_named(perpbot: Perpbot, tmp_path: Path) -> None:
    """The line says what is missing and what to name instead."""
    assert perpbot("replay", tmp_path / "nothing").refusal() == (
        f"{tmp_path}/nothing: no such folder; name one that holds a dataset.yaml"
    )


def test_a_missing_data_file_is_named(perpbot: Perpbot, dataset: Path) -> None:
    """A file that the dataset lists and that is not there."""
    (dataset / COINM).unlink()
    assert perpbot("replay", dataset).refusal() == f"{dataset}/coinm.gz: no such file, though the dataset lists it"


@pytest.mark.parametrize("content", [b"", None], ids=["no bytes", "no lines"])
def test_an_empty_data_file_is_named(perpbot: Perpbot, dataset: Path, content: bytes | None) -> None:
    """Nothing at all, or a compressed nothing."""
    if content is None:
        edit(dataset, USDM, lambda _: [])
    else:
        (dataset / USDM).write_bytes(content)
    assert perpbot("replay", dataset, "--json").refusal().startswith(f"{dataset}/usdm.gz: is empty")


def test_a_truncated_data_file_is_named_and_the_older_replay_stays(perpbot: Perpbot, dataset: Path, home: Path) -> None:
    """Everything is read before anything is replaced."""
    assert perpbot("replay", dataset).code == 0
    kept = (home / "replay.db").read_bytes()
    whole = (dataset / USDM).read_bytes()
    (dataset / USDM).write_bytes(whole[: len(whole) // 2])
    assert perpbot("replay", dataset).refusal().startswith(f"{dataset}/usdm.gz: ends in the middle")
    assert (home / "replay.db").read_bytes() == kept


def test_a_line_without_a_receive_time_is_named(perpbot: Perpbot, dataset: Path) -> None:
    """File and line."""
    edit(dataset, USDM, lambda lines: [*lines[:9], lines[9].partition(" ")[2], *lines[10:]])
    assert perpbot("replay", dataset).refusal().startswith(f"{dataset}/usdm.gz:10: no receive time")


def test_a_stream_without_a_snapshot_has_no_book_and_is_named(perpbot: Perpbot, dataset: Path) -> None:
    """Its tops are counted, its candidates end as book_not_ready, the run finishes."""
    edit(dataset, COINM, lambda lines: [line for line in lines if not is_snapshot(line)])
    ended = perpbot("replay", dataset, "--json", *TRADING)
    assert ended.code == 0, ended.err
    assert ended.json["problems"]["no_snapshot"] == ["binance_coinm BTC-USD-PERP (coinm.gz)"]
    assert ended.json["updates"] == {"BTC-USD-PERP": 199}
    assert list(ended.json["verdicts"]) == ["book_not_ready"]
    shown = perpbot("replay", dataset, *TRADING)
    assert "no snapshot, so no book: binance_coinm BTC-USD-PERP (coinm.gz)" in shown.out


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line[: len(line) // 2],
        lambda line: line.partition(" ")[0] + " not JSON at all",
        lambda line: line.replace('"B":"50.000"', '"B":"-50.000"'),
        lambda line: line.replace('"B":"50.000"', '"B":"NaN"'),
        lambda line: line.replace('"B":"50.000"', '"B":NaN'),
        lambda line: line.replace("BTCUSDT", "DOGEUSDT"),
    ],
    ids=["half a frame", "not JSON", "negative size", "NaN size", "bare NaN", "another market"],
)
def test_a_frame_that_cannot_be_read_is_counted_and_named(perpbot: Perpbot, dataset: Path, change: object) -> None:
    """By file and line; the rest of the recording is replayed."""
    assert callable(change)
    number = 3  # a ticker
    edit(dataset, USDM, lambda lines: [*lines[: number - 1], change(lines[number - 1]), *lines[number:]])
    ended = perpbot("replay", dataset, "--json", *TRADING)
    assert ended.code == 0, ended.err
    bad = ended.json["problems"]["bad_frames"]
    assert bad["count"] == 1
    assert bad["first"][0].startswith("usdm.gz:3: ")
    assert ended.json["frames"] == FRAMES
    assert ended.json["pairs"]["closed"] == 1


def test_an_impossible_size_in_the_depth_is_a_bad_frame_and_then_a_gap(perpbot: Perpbot, dataset: Path) -> None:
    """What the frame said is missing, so the book is lost until the next snapshot, and both are named."""
    edit(dataset, USDM, lambda lines: [*lines[:1], lines[1].replace('"50.000"', '"-1"', 1), *lines[2:]])
    problems = perpbot("replay", dataset, "--json").json["problems"]
    assert problems["bad_frames"]["count"] == 1
    assert problems["bad_frames"]["first"][0].startswith("usdm.gz:2: ")
    assert problems["sequence_gaps"]["binance_usdm"]["BTC-USD-PERP"]["count"] == 1


def test_a_sequence_gap_is_counted_and_named(perpbot: Perpbot, dataset: Path) -> None:
    """By exchange and symbol; its candidates end as book_not_ready, and people read the same as programs."""
    edit(dataset, COINM, _without_a_depth_frame)
    ended = perpbot("replay", dataset, "--json", *TRADING)
    assert ended.code == 0, ended.err
    gap = ended.json["problems"]["sequence_gaps"]["binance_coinm"]["BTC-USD-PERP"]
    assert gap["count"] == 1
    assert gap["last"].startswith("coinm.gz:31: binance_coinm BTC-USD-PERP: change 1101-1110 (previous 1100)")
    assert list(ended.json["verdicts"]) == ["book_not_ready"]
    shown = perpbot("replay", dataset, *TRADING)
    assert "sequence gaps: binance_coinm BTC-USD-PERP: 1, last coinm.gz:31:" in shown.out


def _without_a_depth_frame(lines: list[str]) -> list[str]:
    tenth = [number for number, line in enumerate(lines) if is_depth(line)][9]
    return lines[:tenth] + lines[tenth + 1 :]


def test_a_typo_in_the_dataset_is_named_with_its_place(perpbot: Perpbot, dataset: Path) -> None:
    """Line and column."""
    file = dataset / "dataset.yaml"
    file.write_text(file.read_text().replace('tick: "0.1", step: "0.001"', 'tick: "0.1", step: "-0.001"'))
    assert perpbot("replay", dataset).refusal().startswith(f"{file}:5:")


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("risk:\n  max_riks_pct: 0.02\n", ":2:3: ", "did you mean max_risk_pct?"),
        ("risk:\n  max_risk_pct: 0.02\n  max_risk_pct: 0.03\n", ":3:3: ", "stands twice"),
        ("capital:\n  wash_budget_pct: 0.8\n", ":2:3: ", "1.1"),
        ("risk: [\n", ":1:7: ", "not valid YAML"),
        ("risk:\n  max_risk_pct: .nan\n", ":2:17: ", "max_risk_pct"),
        ("exchanges:\n  binance_usmd: {}\n", ":2:17: ", "did you mean binance_usdm?"),
    ],
    ids=["typo", "duplicate key", "shares beyond 1", "not YAML", "NaN", "unknown exchange"],
)
def test_a_wrong_configuration_is_named_with_its_place(
    perpbot: Perpbot, dataset: Path, tmp_path: Path, text: str, place: str, said: str
) -> None:
    """File, line and column, and what is allowed or nearest; nothing runs."""
    file = tmp_path / "perpbot.yaml"
    file.write_text(text)
    line = perpbot("replay", dataset, "--config", file).refusal()
    assert line.startswith(f"{file}{place}")
    assert said in line


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("risk.max_riks_pct=0.02", "did you mean max_risk_pct?"),
        ("rsik.max_risk_pct=0.02", "did you mean risk?"),
        ("risk.max_risk_pct=NaN", "max_risk_pct"),
        ("capital.arb_budget_pct=0.5", "capital"),
        ("risk.max_risk_pct", "--set section.key=value"),
        ("exchanges.binance_usmd.taker_fee_pct=0", "did you mean binance_usdm?"),
    ],
)
def test_a_wrong_override_is_named(perpbot: Perpbot, dataset: Path, setting: str, said: str) -> None:
    """With the nearest name, or how it is written."""
    line = perpbot("replay", dataset, "--set", setting).refusal()
    assert line.startswith("--set ")
    assert said in line


def test_what_no_replay_made_is_never_overwritten(perpbot: Perpbot, dataset: Path, tmp_path: Path) -> None:
    """Neither a file of somebody else nor a folder."""
    other = tmp_path / "notes.txt"
    other.write_text("precious")
    assert "is not overwritten" in perpbot("replay", dataset, "--db", other).refusal()
    assert other.read_text() == "precious"
    assert str(dataset) in perpbot("replay", dataset, "--db", dataset).refusal()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["repaly", "x"], "did you mean replay?"),
        (["replay", "--jsn", "x"], "--json"),
        (["replay"], "DATASET"),
        (["replay", "x", "--until", "nan"], "--until"),
        (["export", "fils"], "fills"),
        (["why"], "perpbot demo"),
        (["journal", "verify", "nothing"], "nothing: No such file"),
        (["config", "check", "nothing.yaml"], "nothing.yaml: no such file"),
        (["config", "explain", "risk.max_riks_pct"], "did you mean risk.max_risk_pct?"),
    ],
)
def test_wrong_usage_is_one_line(perpbot: Perpbot, arguments: list[str], said: str) -> None:
    """With the nearest name, or where the help is."""
    assert said in perpbot(*arguments).refusal()
