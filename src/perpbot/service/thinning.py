"""Says which marks of equity peak, drawdown and the day still rest on."""

from __future__ import annotations

from decimal import Decimal

from perpbot.core.commands import ResetPeak
from perpbot.core.events import AccountOpened, CapitalTransferred, CommandTaken, EquityMarked, Event, SafeModeChanged
from perpbot.core.money import ZERO
from perpbot.core.names import ExchangeName


class MarkSurvey:
    """Takes all records in their order. Between two transfers (or resets of the peak, new accounts, changes of safe
    mode) only the first moment, the last and the highest of each exchange and of the total matter; after ``horizon_ns``
    all do."""

    def __init__(self, horizon_ns: int) -> None:
        self._horizon_ns = horizon_ns
        self._moment_ns: int | None = None
        self._equity: dict[ExchangeName, tuple[Decimal, Decimal]] = {}
        self._stretch: set[ExchangeName] = set()
        self._highest: dict[ExchangeName | None, tuple[Decimal, int]] = {}
        self._last_ns: int | None = None
        self._needed: set[int] = set()

    def take(self, event: Event) -> None:
        """Take one record."""
        match event:
            case EquityMarked():
                if event.timestamp_ns != self._moment_ns:
                    self._end_moment()
                    self._moment_ns = event.timestamp_ns
                self._equity[event.exchange] = (event.equity, event.hedged)
            case AccountOpened() | CapitalTransferred() | SafeModeChanged() | CommandTaken(command=ResetPeak.name):
                self.end()

    def keep(self, timestamp_ns: int) -> None:
        """Need this moment, whatever it was."""
        self._needed.add(timestamp_ns)

    def needs(self, timestamp_ns: int) -> bool:
        """Whether the marks of this moment are needed; after :meth:`end`."""
        return timestamp_ns > self._horizon_ns or timestamp_ns in self._needed

    def end(self) -> None:
        """What comes next is measured anew."""
        self._end_moment()
        self._end_stretch()

    def _end_stretch(self) -> None:
        self._needed |= {time_ns for _, time_ns in self._highest.values()}
        if self._last_ns is not None:
            self._needed.add(self._last_ns)
        self._highest, self._last_ns, self._stretch = {}, None, set()

    def _end_moment(self) -> None:
        if self._moment_ns is None:
            return
        time_ns, marked = self._moment_ns, self._equity
        self._moment_ns, self._equity = None, {}
        if set(marked) != self._stretch or (time_ns > self._horizon_ns >= (self._last_ns or 0)):
            self._end_stretch()
            self._stretch = set(marked)
            self._needed.add(time_ns)
        total = sum((equity for equity, _ in marked.values()), ZERO)
        values: dict[ExchangeName | None, Decimal] = {
            None: total,
            **{name: hedged for name, (_, hedged) in marked.items()},
        }
        for name, value in values.items():
            if name not in self._highest or value > self._highest[name][0]:
                self._highest[name] = (value, time_ns)
        self._last_ns = time_ns
