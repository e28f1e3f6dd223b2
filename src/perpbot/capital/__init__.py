"""Capital: pools, reservations, safe mode and borrowing."""

from perpbot.capital.orchestrator import CapitalOrchestrator
from perpbot.capital.pools import POOLS, STRATEGY_POOLS, pool_of
from perpbot.capital.settings import CapitalSettings

__all__ = ["POOLS", "STRATEGY_POOLS", "CapitalOrchestrator", "CapitalSettings", "pool_of"]
