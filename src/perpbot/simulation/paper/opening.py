"""Opens paper exchanges: an engine with one funded account behind a line with latency."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from perpbot.core.names import ExchangeName
from perpbot.core.ports import Timers
from perpbot.simulation.paper.accounts import AccountFile
from perpbot.simulation.paper.exchange import PaperExchange
from perpbot.simulation.venue.engine import VenueEngine
from perpbot.simulation.venue.market import Listing

ACCOUNT = "main"
ANSWER_SECONDS = 5.0
"""How long an answer may take beyond the way there and back."""


@dataclass(frozen=True, slots=True)
class PaperTerms:
    """How paper exchanges are opened: ``deposit`` is USD of a new account, ``prefix`` starts every id they give."""

    deposit: Decimal
    latency_seconds: Callable[[ExchangeName], float]
    funding_rate: Callable[[ExchangeName], Decimal]
    prefix: str


def open_paper(
    listings: Mapping[ExchangeName, Iterable[Listing]],
    timers: Timers,
    terms: PaperTerms,
    accounts: AccountFile | None = None,
) -> dict[ExchangeName, PaperExchange]:
    """A paper exchange for each name, with its listings; its account goes on from ``accounts`` and is kept there.

    Raises :class:`~perpbot.core.errors.InputError` if a kept position is of a market that is not listed any more.
    """
    exchanges = {}
    for name, listed in listings.items():
        engine = VenueEngine(name, listed, funding_rate=terms.funding_rate(name), prefix=terms.prefix)
        if accounts is not None:
            accounts.resume(engine)
        if not engine.knows(ACCOUNT):
            engine.open_account(ACCOUNT, terms.deposit)
        latency = terms.latency_seconds(name)
        patience = ANSWER_SECONDS + 2 * latency
        exchanges[name] = PaperExchange(
            engine, timers, account=ACCOUNT, latency_seconds=latency, answer_timeout_seconds=patience
        )
    return exchanges
