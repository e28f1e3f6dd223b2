"""The guide cannot fall behind: what the program has is explained, and what is explained the program has."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from perpbot.cli.commands import perpbot
from perpbot.cli.home import CONFIGURATION
from perpbot.core.reasons import REASONS
from perpbot.service.address import latch_path, lock_path, socket_path
from perpbot.service.configuration import SECTIONS
from perpbot.service.store import Store

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "guide"
TWINS = (ROOT / "README.md", ROOT / "README.zh-CN.md")
WRITTEN = [*TWINS, *sorted(GUIDE.glob("*.md")), *sorted(ROOT.glob("docs/adr/*.md")), ROOT / "CHANGELOG.md"]
ALL = [
    *WRITTEN,
    *sorted(ROOT.glob("docs/reference/*.md")),
    ROOT / "deploy" / "README.md",
    ROOT / "examples" / "README.md",
]
_BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(path: Path, language: str = "") -> list[str]:
    """The code blocks of a page, of one language or of all."""
    found = _BLOCK.findall(text_of(path))
    return [code for spoken, code in found if not language or spoken == language]


def prose(path: Path) -> str:
    """A page without its code blocks."""
    return _BLOCK.sub("", text_of(path))


def rows(page: str) -> list[str]:
    """What the first column of a page's tables names as code."""
    return [name for line in prose(GUIDE / page).splitlines() for name in re.findall(r"^\| `([a-z_]+)`", line)]


def commands(group: click.Group, path: str = "perpbot") -> Iterator[tuple[str, click.Command]]:
    """Every command with its words, those of groups too."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


COMMANDS = dict(commands(perpbot))


def test_every_reason_is_explained_once_and_nothing_else_is() -> None:
    """Whoever reads a code in ``why`` finds what it means and what to do."""
    explained = rows("refusals.md")
    assert sorted(explained) == sorted(REASONS)


def test_every_row_of_a_refusal_says_what_to_do() -> None:
    """No cell is empty: what it means, which setting, what to do."""
    for line in prose(GUIDE / "refusals.md").splitlines():
        if line.startswith("| `"):
            assert all(cell.strip() for cell in line.strip("|").split(" | ")), line


def test_every_section_of_the_settings_is_explained() -> None:
    """And no section that is gone."""
    written = prose(GUIDE / "configuration.md")
    table = written[written.index("## The sections") :]
    assert re.findall(r"^\| `([a-z]+)` \|", table, re.MULTILINE) != []
    assert sorted(re.findall(r"^\| `([a-z]+)` \|", table, re.MULTILINE)) == sorted(SECTIONS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_both_readmes_and_in_the_guide(command: str) -> None:
    """The reference has its options; these say what it is for."""
    word = re.compile(rf"{command}(?![\w-])")
    for page in TWINS:
        assert word.search(text_of(page)), f"{page.name} does not name {command}"
    assert any(word.search(text_of(page)) for page in GUIDE.glob("*.md")), f"the guide does not name {command}"


def test_every_file_of_the_state_folder_is_explained() -> None:
    """Nobody should have to guess whether a file may be deleted."""
    database = Path("demo.db")
    named = [lock_path(database), socket_path(database.absolute()), latch_path(database)]
    beside = [f"demo.db{suffix}" for suffix in ("", "-wal", "-shm", ".journal", ".paper", ".market")]
    explained = text_of(GUIDE / "operating.md")
    for name in (CONFIGURATION, *beside, *(path.name for path in named)):
        assert f"`{name}`" in explained, name


def test_the_files_beside_a_database_are_those_that_a_store_makes(tmp_path: Path) -> None:
    """What the page above is checked for is what is really there."""
    with Store(tmp_path / "demo.db", "demo") as store:
        made = {path.name for path in tmp_path.iterdir()} | {store.journal_path.name, store.latch_path.name}
    explained = text_of(GUIDE / "operating.md")
    assert {name for name in made if f"`{name}`" not in explained} == set()


# what the pages show is so


def typed(page: Path) -> Iterator[str]:
    """Every command line of ours that a page shows in its shell blocks."""
    for block in blocks(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            command = re.split(r"\s+# |\s+\|", line.strip())[0]
            if command.startswith("perpbot "):
                yield command


SHOWN = [(page, line) for page in WRITTEN for line in typed(page)]


@pytest.mark.parametrize(("page", "line"), SHOWN, ids=[line for _, line in SHOWN])
def test_every_command_line_that_is_shown_can_be_given(page: Path, line: str) -> None:
    """The command exists, and so do its options; as many arguments as it takes."""
    words = shlex.split(line)
    name = next((name for name in COMMANDS if words[: name.count(" ") + 1] == name.split()), None)
    assert name is not None, f"{page.name}: {line}"
    command = COMMANDS[name]
    context = command.make_context(name, words[name.count(" ") + 1 :], resilient_parsing=True)
    assert context.args == [], f"{page.name}: {line}"
    options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word.partition("=")[0] for word in words if word.startswith("-")} <= options, f"{page.name}: {line}"


def settings() -> set[str]:
    """Every setting, and what holds several, from the reference, which another test compares with the program."""
    section, found = "", set()
    for line in text_of(ROOT / "docs" / "reference" / "settings.md").splitlines():
        section = line.removeprefix("## ") if line.startswith("## ") else section
        found |= {f"{section}.{key}" for key in re.findall(r"^\| `([a-z_.<>]+)`", line)}
    return found | {key.rpartition(".")[0] for key in found}


def test_every_setting_that_is_named_exists() -> None:
    """A key that was renamed is renamed here too."""
    named = re.compile(rf"`(?!demo\.db)((?:{'|'.join(SECTIONS)})\.[a-z_.<>]+)`")
    for page in WRITTEN:
        unknown = set(named.findall(prose(page))) - settings()
        assert unknown == set(), page.name


def test_every_command_that_is_named_exists() -> None:
    """In running text, too."""
    groups = {name.rpartition(" ")[0] for name in COMMANDS} - {"perpbot"}
    known = {name.split()[1] for name in COMMANDS} | {name.split()[1] for name in groups}
    for page in WRITTEN:
        named = set(re.findall(r"`perpbot ([a-z][a-z-]*)", prose(page)))
        assert named <= known, page.name


# links


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, as they are linked to."""
    titles = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def links(page: Path) -> list[str]:
    return [found for found in re.findall(r"\]\(([^)\s]+)\)", prose(page)) if not found.startswith("http")]


@pytest.mark.parametrize("page", ALL, ids=[str(page.relative_to(ROOT)) for page in ALL])
def test_no_link_is_dead(page: Path) -> None:
    """Each leads to a file of the repository, and to a heading that is there."""
    for link in links(page):
        target, _, anchor = link.partition("#")
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), link
        assert not anchor or anchor in anchors(file), link


def test_every_page_of_the_guide_and_every_decision_can_be_reached_from_the_readme() -> None:
    """A page that nobody finds helps nobody."""
    for readme in TWINS:
        reached = {(readme.parent / link.partition("#")[0]).resolve() for link in links(readme)}
        pages = {*GUIDE.glob("*.md"), *ROOT.glob("docs/adr/*.md"), *ROOT.glob("docs/reference/*.md")}
        assert pages <= reached


# the twin


def headings(page: Path) -> list[str]:
    return re.findall(r"^(#+) ", prose(page), re.MULTILINE)


def without_comments(block: str) -> list[str]:
    return [re.split(r"\s+# ", line)[0] for line in block.splitlines()]


def test_both_readmes_say_the_same() -> None:
    """Headings, code but for its comments, commands, links to other pages, rows and figures of the tables."""
    english, chinese = TWINS
    assert headings(english) == headings(chinese)
    assert [without_comments(block) for block in blocks(english)] == [
        without_comments(block) for block in blocks(chinese)
    ]
    spans = [re.findall(r"`([^`\n]+)`", prose(page)) for page in TWINS]
    assert sorted(set(spans[0])) == sorted(set(spans[1]))
    targets = [[link for link in links(page) if ".md" in link and "README" not in link] for page in TWINS]
    assert targets[0] == targets[1]
    tables = [[line.count("|") for line in prose(page).splitlines() if line.startswith("|")] for page in TWINS]
    assert tables[0] == tables[1]
    recorded = [re.findall(r"\d[\d.,]*\d", line) for line in table_of_runs(english)]
    assert recorded == [re.findall(r"\d[\d.,]*\d", line) for line in table_of_runs(chinese)]


def table_of_runs(page: Path) -> list[str]:
    """The rows of the table of the recorded market."""
    lines = prose(page).splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("|") and "bps" in line)
    return lines[first + 2 : first + 7]


@pytest.mark.parametrize("page", TWINS, ids=[page.name for page in TWINS])
def test_each_readme_links_to_the_other_at_its_top(page: Path) -> None:
    """Before anything is said."""
    other = next(twin for twin in TWINS if twin != page)
    assert f"({other.name})" in text_of(page).split("\n\n")[1]
