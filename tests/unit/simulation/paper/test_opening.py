"""Paper exchanges as they are opened for a demo or a replay."""

from decimal import Decimal

from perpbot.core.positions import Balance
from perpbot.simulation.clock import VirtualClock, run
from perpbot.simulation.paper.opening import PaperTerms, open_paper
from perpbot.simulation.venue.feeds import QueueFeed
from perpbot.simulation.venue.market import Listing
from tests.unit.simulation.venue.scene import LINEAR, SECOND, START, VENUE


def test_an_exchange_far_away_is_given_the_time_its_answers_take() -> None:
    """No latency that may be set is longer than an answer is waited for."""
    terms = PaperTerms(Decimal(10_000), lambda _: 60.0, lambda _: Decimal(0), "p-")

    async def main(clock: VirtualClock) -> tuple[Balance, int]:
        exchange = open_paper({VENUE: [Listing(LINEAR, QueueFeed())]}, clock, terms)[VENUE]
        await exchange.start()
        return await exchange.get_balance(), clock.now_ns()

    balance, at_ns = run(main, START)
    assert balance.equity == Decimal(10_000)
    assert at_ns - START == 120 * SECOND
