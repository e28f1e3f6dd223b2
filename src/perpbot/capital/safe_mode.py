"""Safe mode of one exchange: entered at the drawdown limit, left with hysteresis or by the operator."""

from dataclasses import dataclass
from decimal import Decimal

from perpbot.core.money import ZERO


@dataclass(slots=True)
class SafeMode:
    """State of one exchange. ``entry_pct`` is the drawdown that enters safe mode, ``exit_pct`` below which it ends.

    After the operator cleared it, it returns once the drawdown has deepened by another ``entry_pct``, or in the usual
    way after the drawdown was below ``exit_pct``: else the next mark would undo what the operator decided.
    """

    entry_pct: Decimal
    exit_pct: Decimal
    drawdown_pct: Decimal = ZERO
    active: bool = False
    _accepted_pct: Decimal = ZERO

    def update(self, drawdown_pct: Decimal) -> bool:
        """Take a new drawdown; whether safe mode began or ended by it."""
        self.drawdown_pct = drawdown_pct
        before = self.active
        if drawdown_pct < self.exit_pct:
            self.active = False
            self._accepted_pct = ZERO
        elif drawdown_pct >= self._accepted_pct + self.entry_pct:
            self.active = True
        return self.active is not before

    def restore(self, active: bool, drawdown_pct: Decimal) -> None:
        """Safe mode as it was; ended at a drawdown that would begin it, the operator had ended it."""
        self.active, self.drawdown_pct = active, drawdown_pct
        self._accepted_pct = ZERO if active or drawdown_pct < self.exit_pct else drawdown_pct

    def clear(self) -> bool:
        """End it by the operator's word; whether there was anything to end."""
        was_active, self.active = self.active, False
        if was_active:
            self._accepted_pct = self.drawdown_pct
        return was_active
