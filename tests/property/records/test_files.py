"""A journal in several files, plain and packed: whatever byte of whichever file is changed, it is found and named."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from perpbot.records import packing, segments
from perpbot.records.journal import FileJournal, verify
from tests.unit.records.scenes import StepClock, life

FILES = ("j.00001.gz", "j.00002.gz", "j.00003", "j.00004", "j")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of which two finished files are packed, two are not."""
    path = tmp_path_factory.mktemp("files") / "j"
    journal = FileJournal(path, StepClock(), segment_bytes=6000)
    for event in life() * 2:
        journal.append(event)
        journal.flush()
    journal.close()
    plain = {name: (path.parent / name).read_bytes() for name in FILES[2:4]}
    packing.compress(path)
    for name, content in plain.items():
        (path.parent / f"{name}.gz").unlink()
        (path.parent / name).write_bytes(content)
    assert [each.name for each in segments.files(path)] == list(FILES)
    return path


@settings(max_examples=600)
@example("j.00001.gz", 4, 1)  # what no unpacker looks at: the time it was packed
@example("j.00001.gz", 9, 1)  # ... on which system
@example("j.00001.gz", -1, 1)
@example("j", -1, 1)
@given(st.sampled_from(FILES), st.integers(-5000, 5000), st.integers(1, 255))
def test_any_changed_byte_is_named_with_its_file(path: Path, name: str, place: int, change: int) -> None:
    """Header, middle or end; of a plain file with line and record."""
    file = path.parent / name
    content = file.read_bytes()
    changed = bytearray(content)
    place %= len(content)
    changed[place] ^= change
    whole = sum(line_count(path, each) for each in FILES[: FILES.index(name)])
    file.write_bytes(changed)
    try:
        found = verify(path)
    finally:
        file.write_bytes(content)
    assert (found.ok, found.file) == (False, str(file))
    if not name.endswith(".gz"):
        line = content[:place].count(b"\n") + 1
        assert (found.first_bad_line, found.number) == (line, whole + line - 1)
        assert (found.reason or "").startswith(f"line {line}: record {whole + line - 1}: ")


@pytest.mark.parametrize("name", FILES[:2])
def test_every_bit_of_a_packed_file_counts(path: Path, name: str) -> None:
    """Also those that unpacking leaves out: its header, the last bits before a byte is full."""
    file = path.parent / name
    content = file.read_bytes()
    passed = []
    try:
        for place in (*range(20), *range(len(content) - 100, len(content))):
            for bit in range(8):
                changed = bytearray(content)
                changed[place] ^= 1 << bit
                file.write_bytes(changed)
                if segments.verify_packing(file) is None:
                    passed.append((place, bit))
    finally:
        file.write_bytes(content)
    assert passed == []


def line_count(path: Path, name: str) -> int:
    return segments.verify_file(path.parent / name).records
