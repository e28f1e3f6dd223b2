"""Frames under way."""

from random import Random  # noqa: TID251 - a test's own seeded streams

from perpbot.simulation.market.calibration import DelayRow
from perpbot.simulation.market.delays import FrameDelay
from perpbot.simulation.market.schedule import MILLISECOND, Schedule

CALM = DelayRow(2.0, 0.6, 1e-6, 0.0, 10.0, 0.8, 113.0)
STALLING = DelayRow(2.0, 0.6, 1e-6, 1.0, 500.0, 0.01, 50.0)


def test_no_frame_overtakes_another(rng: Random) -> None:
    """Frames of one stream arrive in the order they were sent, none before it was sent."""
    delay = FrameDelay(CALM, rng, Schedule())
    sent = [n * MILLISECOND // 10 for n in range(2_000)]
    arrived = [delay.received_ns(at) for at in sent]
    assert arrived == sorted(arrived)
    assert all(there > here for here, there in zip(sent, arrived, strict=True))


def test_a_stall_holds_all_frames_and_releases_them_together(rng: Random) -> None:
    """Frames sent during a stall arrive at its end, at one instant; a stall is no longer than its cap."""
    delay = FrameDelay(STALLING, rng, Schedule())
    delay.order_came(1_000 * MILLISECOND)
    held = {delay.received_ns((1_000 + n) * MILLISECOND) for n in range(40)}
    assert held == {1_050 * MILLISECOND}
    assert delay.received_ns(1_100 * MILLISECOND) > 1_100 * MILLISECOND


def test_stalls_begin_by_themselves_at_their_rate(rng: Random) -> None:
    """15 stalls a minute hold frames 15 times a minute."""
    schedule = Schedule()
    delay = FrameDelay(DelayRow(2.0, 0.001, 15.0, 0.0, 20.0, 0.01, 113.0), rng, schedule)
    delay.start(0)
    stalls, late_before = 0, False
    for n in range(10 * 60 * 200):  # a frame every 5 ms for ten minutes
        at_ns = n * 5 * MILLISECOND
        schedule.run(at_ns)
        late = delay.received_ns(at_ns) - at_ns > MILLISECOND
        stalls += late and not late_before
        late_before = late
    assert 120 <= stalls <= 180
