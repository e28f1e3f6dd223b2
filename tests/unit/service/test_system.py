"""The stop signals reach the running loop, and nothing once it is closed."""

from __future__ import annotations

import asyncio
import signal

import pytest

from perpbot.service.system import own_signals, stop_on_signals


async def stopped_by(number: signal.Signals, times: int) -> int:
    """How often ``stop`` was called after the signal came so many times."""
    calls: list[int] = []
    stop_on_signals(lambda: calls.append(1))
    for _ in range(times):
        signal.raise_signal(number)
    loop = asyncio.get_running_loop()
    later = loop.create_future()
    loop.call_soon(later.set_result, None)
    await later
    return len(calls)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_every_stop_signal_stops_in_order(number: signal.Signals) -> None:
    """DESIGN §6 Stop; a terminal that is closed is no reason to leave a pair half done."""
    before = signal.getsignal(number)
    with own_signals():
        assert asyncio.run(stopped_by(number, 2)) == 2
    assert signal.getsignal(number) == before


def test_a_signal_after_the_loop_does_not_break_off_the_closing() -> None:
    """An impatient second Ctrl-C must not cost the journal its end."""
    before = signal.getsignal(signal.SIGINT)
    with own_signals():
        asyncio.run(stopped_by(signal.SIGINT, 1))
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) == before


def test_a_hangup_that_is_ignored_stays_ignored() -> None:
    """It is what nohup asks for."""
    with own_signals():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        assert asyncio.run(stopped_by(signal.SIGHUP, 1)) == 0
