"""A generated market for the demo: calibrated on recordings, with invented pulses on top."""

from perpbot.simulation.market.emissions import BotFeed, Emission, VenueFeed
from perpbot.simulation.market.generator import GeneratedMarket, MarketState
from perpbot.simulation.market.instruments import instruments
from perpbot.simulation.market.pulses import Pulse, PulseLog, PulseParameters
from perpbot.simulation.market.settings import DemoSettings

__all__ = [
    "BotFeed",
    "DemoSettings",
    "Emission",
    "GeneratedMarket",
    "MarketState",
    "Pulse",
    "PulseLog",
    "PulseParameters",
    "VenueFeed",
    "instruments",
]
