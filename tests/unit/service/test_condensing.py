"""A condensed journal: made of the finished files, read in their place, and vouching for those that were removed."""

from __future__ import annotations

import fcntl
import gzip
import json
import shutil
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from perpbot.core.errors import InputError
from perpbot.core.events import (
    CarriedResults,
    Event,
    FundingPaid,
    HistoryCondensed,
    OrderChanged,
    OrderFilled,
    OrderIntended,
    PairPlanned,
    Recovered,
    RunStarted,
)
from perpbot.core.names import ClientOrderId
from perpbot.core.orders import Leg, Side
from perpbot.records import packing, segments
from perpbot.records.chain import HEADER, Record
from perpbot.records.database import remove_run
from perpbot.records.encoding import decode, encode
from perpbot.records.journal import FileJournal, identity, read, run_mode, verify
from perpbot.service.backups import _copy_journal
from perpbot.service.condensing import KEEP_NS, condense, due, shorten, tidy
from perpbot.service.store import Store
from perpbot.service.survey import work_of
from tests.unit.ledger.builders import BTC, INVERSE, LINEAR
from tests.unit.records.scenes import StepClock, filled, life, order, request

PAIRS = 12
HOUR = 3600 * 10**9


def lives(pairs: range = range(PAIRS)) -> list[Event]:
    """A run in which one pair after the other opens, is paid funding, and closes."""
    events = life()
    begun, pair, ended = events[:3], events[3:-2], events[-2:]
    return [*begun, Recovered(), *(_renamed(each, number) for number in pairs for each in pair), *ended]


def _renamed(event: Event, number: int) -> Event:
    text = json.dumps(encode(event)).replace("e-1", f"e-{number}")
    for payment in ("f1", "tx1", "w1"):
        text = text.replace(f'"{payment}"', f'"{payment}-{number}"')
    return decode(event.kind, json.loads(text))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a closed journal in several files."""
    folder = tmp_path_factory.mktemp("journal")
    journal = FileJournal(folder / "j", StepClock(), segment_bytes=9000)
    for event in lives():
        journal.append(event)
        journal.flush()
    journal.close()
    assert len(segments.finished(folder / "j")) > 4
    return folder


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path / "j"


def last(path: Path) -> int:
    return segments.finished(path)[-1].number


def names(path: Path) -> list[str]:
    return sorted(each.name for each in path.parent.iterdir())


def condensed(path: Path) -> Path:
    short = segments.condensed(path)
    assert short is not None
    return short.path


def test_what_is_over_is_summed_up_and_what_is_not_stays_as_it_was(path: Path) -> None:
    """Records keep number, time and data; the pairs left out are counted, and so is what they brought."""
    before = {record.number: record for record in read(path)}
    condense(path, last(path), 0)
    after = list(read(path, whole=False))
    head, told = after[0], after[1].event
    assert (head.kind, head.journal, after[1].number) == (HEADER, before[0].seal, 0)
    kept = [record for record in after[2:] if record.number <= head.stands_for.number]  # type: ignore[union-attr]
    assert all((each.time_ns, each.data) == (before[each.number].time_ns, before[each.number].data) for each in kept)
    assert len(after) < len(before) / 2
    assert isinstance(told, HistoryCondensed)
    over = told.pairs[BTC]["closed"]
    assert 0 < over < PAIRS
    planned = [each.event.pair.pair_id for each in after[2:] if isinstance(each.event, PairPlanned)]
    assert planned == [f"e-{number}" for number in range(over, PAIRS)]
    volume, fees = over * (Decimal(30000) + Decimal(30050)), over * Decimal("30.025")
    assert told.results[1] == CarriedResults(LINEAR, "arb", over * Decimal(50), volume, fees)
    assert {each.exchange: each.hedged for each in told.accounts}.keys() == {LINEAR, INVERSE}


def test_it_is_found_whole_and_the_files_it_stands_for_may_go(path: Path) -> None:
    """A restart reads the same whether they are there or not; which journal it is, the condensed file knows."""
    name, mode, whole = identity(path), run_mode(path), verify(path).records
    condense(path, last(path), 0)
    assert verify(path).ok
    assert verify(path).records == whole
    history = list(read(path, whole=False))
    for file in segments.finished(path):
        file.path.unlink()
        assert verify(path).ok
        assert list(read(path, whole=False)) == history
        assert (identity(path), run_mode(path)) == (name, mode)
    assert list(read(path)) == history


def test_a_file_that_it_does_not_stand_for_is_missed(path: Path) -> None:
    """And one in the middle of those that are still there."""
    condense(path, last(path) - 1, 0)
    files = segments.finished(path)
    content = files[-1].path.read_bytes()
    files[-1].path.unlink()
    assert not verify(path).ok
    with pytest.raises(InputError, match="does not go on|is missing"):
        list(read(path, whole=False))
    files[-1].path.write_bytes(content)
    files[1].path.unlink()
    assert f"its file j.{files[1].number:05d} is missing" in str(verify(path).reason)
    assert list(read(path, whole=False))


def test_any_byte_changed_in_it_is_found(path: Path) -> None:
    """Also a line left out at its end, and one that was cut short."""
    condense(path, last(path), 0)
    file = condensed(path)
    plain = gzip.decompress(file.read_bytes())
    lines = plain.splitlines(keepends=True)
    for changed in [
        *(plain[:at] + bytes([plain[at] ^ 1]) + plain[at + 1 :] for at in range(0, len(plain), 397)),
        b"".join(lines[:-1]),
        plain[:-20],
        b"".join([*lines[:3], *lines[4:]]),
        plain + lines[-1],
    ]:
        file.write_bytes(gzip.compress(changed))
        assert not verify(path).ok
        with pytest.raises(InputError):
            list(read(path, whole=False))
    file.write_bytes(gzip.compress(plain)[:-30])
    assert not verify(path).ok


def test_condensing_again_takes_up_what_was_condensed(path: Path) -> None:
    """In two steps or in one: the same records stay, and they come to the same."""
    condense(path, last(path), 0)
    at_once = condensed(path).read_bytes()
    condensed(path).unlink()
    condense(path, 2, 0)
    condense(path, last(path) - 1, 0)
    condense(path, last(path), 0)
    assert gzip.decompress(condensed(path).read_bytes()) == gzip.decompress(at_once)
    assert sum("condensed" in name for name in names(path)) == 1


def test_what_is_young_stays(path: Path) -> None:
    """It is not condensed before enough of it is old."""
    assert due(path, KEEP_NS) == 0
    assert due(path, 0) == last(path)
    condense(path, last(path), KEEP_NS)
    short, whole = ([each for each in read(path, whole=how) if each.number] for how in (False, True))
    assert [(each.number, each.time_ns, each.data) for each in short] == [
        (each.number, each.time_ns, each.data) for each in whole
    ]


def test_what_exchanges_will_be_asked_for_stays() -> None:
    """A run could not read one of them: the next asks all for their orders since before it, and for the payments of a
    day before, which must be known: booked twice otherwise."""
    events = lives()
    events[-1:] = [RunStarted("replay", "f", "0.1.0"), Recovered(unread=("okx",)), *lives(range(20, 24))[4:]]
    found = [Record(number, number * HOUR, each.kind, encode(each), "") for number, each in enumerate(events, 1)]
    _, count, records = shorten(found.__iter__, len(events) * HOUR)
    kept = list(records)
    planned = [each.event.pair.pair_id for each in kept if isinstance(each.event, PairPlanned)]
    assert planned[-4:] == [f"e-{number}" for number in range(20, 24)]
    asked_ns = max(each.time_ns for each in found if each.kind == RunStarted.kind) - 24 * HOUR
    paid = [each for each in found if each.kind == FundingPaid.kind and each.time_ns > asked_ns]
    assert len(paid) == 5
    assert all(each in kept for each in paid)
    assert count == len(kept) < len(events) / 2


def traded(side: Side, number: int) -> list[Event]:
    """A strategy's own order, from its intent to its end."""
    name = ClientOrderId(f"s-{number}")
    sent = replace(request(Leg.BUY), client_order_id=name, side=side, pair_id=None, leg=None, strategy="mine")
    return [OrderIntended(sent), filled(sent, "60000", "0", "0", "0"), OrderChanged(order(sent))]


def test_what_a_strategy_bought_goes_only_with_what_it_sold_again() -> None:
    """Wherever between the two the old ends: a restart finds it as flat as it was."""
    events = [*life()[:3], Recovered()]
    for number, side in enumerate((Side.BUY, Side.SELL) * 3):
        events += traded(side, number)
    events.append(traded(Side.BUY, 5)[2])  # an exchange tells the end of an order again
    found = [Record(number, number * HOUR, each.kind, encode(each), "") for number, each in enumerate(events, 1)]
    left = []
    for horizon in range(len(found) + 1):
        _, _, kept = shorten(found.__iter__, horizon * HOUR)
        fills = [each.event.fill for each in kept if isinstance(each.event, OrderFilled)]
        assert sum(fill.size * fill.side.sign for fill in fills) == 0, horizon
        left.append(len(fills))
    assert (left[0], left[-1]) == (6, 0)


@pytest.mark.parametrize("back", [2, 30])
def test_a_pair_stays_or_goes_whole_although_the_clock_was_set_back(back: int) -> None:
    """In the middle of it, by so many hours: half a pair would be one that is open."""
    events = lives(range(2))
    times = [number - back * (number > 12) for number in range(1, len(events) + 1)]
    found = [Record(at, times[at] * HOUR, each.kind, encode(each), "") for at, each in enumerate(events)]
    for horizon in range(-back, len(found) + 1):
        _, _, kept = shorten(found.__iter__, horizon * HOUR)
        of_pair = [each for each in kept if work_of(each.event) == "e-0"]
        assert len(of_pair) in (0, sum(work_of(each) == "e-0" for each in events)), horizon


def test_the_oldest_go_when_all_take_too_much(path: Path) -> None:
    """Only those that the condensed file stands for; without it, none."""
    packing.remove_oldest(path, 1)
    assert len(segments.finished(path)) == last(path)
    tidy(path, 10**9, 0)
    assert all(each.compressed for each in segments.finished(path))
    taken = packing.size(path)
    tidy(path, taken - 1, 0)
    assert segments.finished(path)[0].number == 2
    tidy(path, 1, 0)
    assert names(path) == ["j", condensed(path).name, "j.tidying"]
    assert verify(path).ok


def test_what_a_killed_process_left_is_removed(path: Path) -> None:
    """It was half of a condensed file."""
    left = path.with_name(f"j.{last(path):05d}.condensed.gz.unfinished")
    left.write_bytes(b"half")
    tidy(path, 10**9, 0)
    assert not left.exists()


def test_what_a_killed_process_left_is_removed_although_more_is_due_now(path: Path) -> None:
    """Files were finished since: the next condensed one has another number, and half a file would stay for ever."""
    left = [path.with_name(f"j.{number}.unfinished") for number in ("00002.condensed.gz", "00001.gz")]
    for each in left:
        each.write_bytes(b"half")
    tidy(path, 10**9, 0)
    assert not any(each.exists() for each in left)


def test_only_one_process_at_a_time_changes_the_files(path: Path) -> None:
    """A bot that was killed leaves its own behind, and the next bot begins another."""
    with packing.alone(path) as first:
        assert first
        tidy(path, 1, 0)
        assert not any(each.compressed for each in segments.finished(path))
        assert segments.condensed(path) is None
    tidy(path, 1, 0)
    assert segments.condensed(path) is not None


def test_it_is_gone_on_with_backed_up_and_removed_with_the_others(path: Path, tmp_path: Path) -> None:
    """Like any file of the journal."""
    tidy(path, 1, 0)
    journal = FileJournal(path, StepClock(), segment_bytes=9000)
    journal.append(RunStarted("replay", "f", "0.1.0"))
    journal.close()
    assert verify(path).ok
    (tmp_path / "copy").mkdir()
    _copy_journal(path, tmp_path / "copy" / "j")
    assert verify(tmp_path / "copy" / "j").ok
    assert list(read(tmp_path / "copy" / "j", whole=False)) == list(read(path, whole=False))
    remove_run(tmp_path / "x.db", "replay", path)
    assert names(path) == ["copy", "j.tidying"]


def test_no_other_journal_is_begun_beside_a_condensed_one(path: Path) -> None:
    """The file that is written is gone: nothing is made in its place."""
    tidy(path, 1, 0)
    path.unlink()
    with pytest.raises(InputError, match="it is empty, its earlier files are there"):
        FileJournal(path, StepClock())
    assert not path.read_bytes()


def test_nothing_is_removed_while_a_copy_is_made(path: Path) -> None:
    """Between the condensed file and those after it: what it stands for and what follows would not fit."""
    condense(path, last(path) - 1, 0)
    files = segments.all_files(path)
    next(files)
    with pytest.raises(BlockingIOError), segments.locked(path.parent, fcntl.LOCK_EX | fcntl.LOCK_NB):
        pytest.fail("somebody could remove a file")
    files.close()  # type: ignore[attr-defined]
    with segments.locked(path.parent, fcntl.LOCK_EX | fcntl.LOCK_NB):
        pass


def test_a_database_that_is_gone_knows_no_single_pair_of_what_was_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says so, and knows what is left."""
    with Store(tmp_path / "r.db", "replay", journal_mb=1) as store:
        journal = store.open_journal(StepClock())
        journal._segment_bytes = journal._full_at = 9000
        for event in lives():
            journal.append(event)
            journal.flush()
    tidy(store.journal_path, 1, 0)
    (tmp_path / "r.db").unlink()
    with Store(tmp_path / "r.db", "replay", journal_mb=1) as store:
        store.open_journal(StepClock())
        assert isinstance(next(store.history()).event, HistoryCondensed)
    assert "filled from a condensed journal" in capsys.readouterr().out


def test_a_file_that_is_finished_meanwhile_is_not_left_out(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bot writes on: when the next file's header is looked for, it may be the one before that is written."""
    number, look = last(path), segments._segment
    journal = FileJournal(path, StepClock(), segment_bytes=1)

    def late(path: Path, wanted: int) -> segments.Segment | None:
        found = look(path, wanted)
        if found is None:
            journal.append(RunStarted("replay", "f", "0.1.0"))
            journal.flush()
        return found

    monkeypatch.setattr(segments, "_segment", late)
    head = segments.header(path, number + 1)
    journal.close()
    assert head.segment == number + 1
