"""The chain: whatever byte is changed, it is found."""

from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perpbot.core.errors import InputError
from perpbot.records.chain import records, verify_lines
from perpbot.records.journal import MemoryJournal
from tests.unit.records.scenes import StepClock, life


def written() -> bytes:
    journal = MemoryJournal(StepClock())
    for event in life():
        journal.append(event)
    return bytes(journal._content)


CONTENT = written()
LINES = CONTENT.count(b"\n")


@settings(max_examples=3000)
@given(st.integers(0, len(CONTENT) - 1), st.integers(1, 255), st.sampled_from((0, 5000)))
def test_any_changed_byte_is_found_where_it_is(place: int, change: int, reserved: int) -> None:
    """In the open (space reserved behind it) and in the closed file; records before it are good."""
    changed = bytearray(CONTENT + b"\0" * reserved)
    changed[place] ^= change
    found = verify_lines(BytesIO(bytes(changed)))
    line = CONTENT[:place].count(b"\n") + 1
    assert (found.ok, found.records, found.first_bad_line) == (False, line - 1, line)


@given(st.integers(0, 4999), st.integers(1, 255))
def test_a_byte_written_behind_the_end_is_found(place: int, change: int) -> None:
    """Reserved space holds nothing."""
    changed = bytearray(CONTENT + b"\0" * 5000)
    changed[len(CONTENT) + place] ^= change
    found = verify_lines(BytesIO(bytes(changed)))
    assert (found.ok, found.records) == (False, LINES)


@given(st.integers(0, len(CONTENT)))
def test_a_journal_cut_anywhere_gives_all_records_written_whole(length: int) -> None:
    """P3: what is torn is the tail, and nothing before it is lost."""
    cut = CONTENT[:length]
    whole = cut.count(b"\n")
    assert len(list(records(BytesIO(cut), "journal"))) == whole
    found = verify_lines(BytesIO(cut))
    assert (found.records, found.torn_tail_bytes) == (whole, len(cut) - cut.rfind(b"\n") - 1)
    assert found.good_bytes == (0 if not whole else cut.rfind(b"\n") + 1)


@given(st.integers(0, len(CONTENT) - 1), st.integers(1, 255).filter(lambda change: change not in b"\0"))
def test_reading_stops_at_a_changed_record_with_an_error(place: int, change: int) -> None:
    """No reader goes on behind it as if nothing were; a torn end is just the end."""
    changed = bytearray(CONTENT)
    changed[place] ^= change
    torn = verify_lines(BytesIO(bytes(changed))).torn_tail_bytes
    if torn:
        assert len(list(records(BytesIO(bytes(changed)), "journal"))) < LINES
        return
    with pytest.raises(InputError, match="changed or damaged"):
        list(records(BytesIO(bytes(changed)), "journal"))
