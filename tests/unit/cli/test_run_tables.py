"""When a run has failed although it came to its end."""

from typing import Any

import pytest

from perpbot.cli.run_tables import judge


@pytest.mark.parametrize(
    ("violated", "more", "code", "said"),
    [
        ({}, {}, 0, ""),
        ({"I7": 2}, {}, 1, "I7 2 times"),
        ({}, {"error": "loop: ValueError: x"}, 1, "loop: ValueError: x"),
    ],
)
def test_a_violated_invariant_or_a_part_that_died_is_a_failure(
    violated: dict[str, int], more: dict[str, Any], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, and standard error names it; standard output stays the result's."""
    assert judge({"invariants": {"checked": {}, "violated": violated}, **more}) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert said in shown.err
    assert bool(shown.err) == bool(said)
