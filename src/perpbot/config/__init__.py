"""From YAML, environment and ``--set`` to settings that know where each value came from."""

from perpbot.config.document import read_value
from perpbot.config.explain import Explained, describe, plain
from perpbot.config.load import Configuration, Each, Extended, Loaded, Many, Section, home_of, load, read
from perpbot.config.nodes import Node, Source

__all__ = [
    "Configuration",
    "Each",
    "Explained",
    "Extended",
    "Loaded",
    "Many",
    "Node",
    "Section",
    "Source",
    "describe",
    "home_of",
    "load",
    "plain",
    "read",
    "read_value",
]
