"""Prices and sizes on their grids: whole numbers of steps on the inside, clean floats on the outside."""

from __future__ import annotations

from decimal import Decimal


class Grid:
    """Multiples of one step. ``value`` divides whole numbers, so that 3 steps of 0.1 are 0.3 and nothing beside it."""

    __slots__ = ("_denominator", "_numerator", "step")

    def __init__(self, step: Decimal) -> None:
        self._numerator, self._denominator = step.as_integer_ratio()
        self.step = float(step)

    def value(self, steps: int) -> float:
        """``steps`` steps as the float whose shortest text is the exact decimal."""
        return steps * self._numerator / self._denominator
