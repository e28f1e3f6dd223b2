"""Risk: account, position and execution rules, and the chain that asks them in order after capital."""

from perpbot.risk.account import RiskManager
from perpbot.risk.chain import ChainAnswer, RiskChain
from perpbot.risk.execution import ExecutionGuard
from perpbot.risk.exposure import ExposureBook, Holding
from perpbot.risk.position import PositionGuard
from perpbot.risk.settings import PositionSettings, RiskSettings
from perpbot.risk.trades import DirectionalTrade
from perpbot.risk.verdicts import VerdictLog

__all__ = [
    "ChainAnswer",
    "DirectionalTrade",
    "ExecutionGuard",
    "ExposureBook",
    "Holding",
    "PositionGuard",
    "PositionSettings",
    "RiskChain",
    "RiskManager",
    "RiskSettings",
    "VerdictLog",
]
