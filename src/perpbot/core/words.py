"""Words that came from outside, made fit to be shown and kept."""

from __future__ import annotations


def one_line(text: str) -> str:
    """``text`` on one line: what is no printable character (a line's end, a terminal's escape) becomes a space."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())
