"""An export takes the place of an older export, and of nothing else."""

from pathlib import Path

import pytest

from perpbot.cli.command_line import run
from perpbot.records.database import Database


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PERPBOT_HOME", str(tmp_path))
    path = tmp_path / "demo.db"
    Database.create(path, "demo").close()
    return path


def test_an_export_replaces_an_export(database: Path, tmp_path: Path) -> None:
    """Of whatever kind, and an empty file."""
    out = tmp_path / "out.csv"
    out.touch()
    assert run(["export", "fills", "--out", str(out)]) == 0
    assert run(["export", "pairs", "--out", str(out)]) == 0
    assert out.read_text().startswith("pair_id,symbol,")


@pytest.mark.parametrize("content", [None, b"dear diary\n"])
def test_nothing_else_is_overwritten(
    database: Path, tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Least of all the database it is taken from, by whatever name."""
    out = tmp_path / "out"
    if content is None:
        out.symlink_to(database)
    else:
        out.write_bytes(content)
    before = out.read_bytes()
    assert run(["export", "fills", "--out", str(out)]) == 2
    assert capsys.readouterr().err == f"{out} is no export and is not overwritten; name another file with --out\n"
    assert out.read_bytes() == before
