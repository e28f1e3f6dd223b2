"""What the scanner found in one direction."""

from __future__ import annotations

from dataclasses import dataclass

from perpbot.core.names import ExchangeName, Symbol
from perpbot.core.opportunities import ArbitrageOpportunity
from perpbot.core.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One candidate: refused by ``verdict``, or approved so far with the ``opportunity`` that the chain is asked about.

    Where there is an opportunity, the chain's answer is the candidate's verdict and this one only says that its edge
    was enough.
    """

    symbol: Symbol
    buy_exchange: ExchangeName
    sell_exchange: ExchangeName
    verdict: Verdict
    opportunity: ArbitrageOpportunity | None = None

    @property
    def score(self) -> float:
        return self.opportunity.score if self.opportunity else 0.0
