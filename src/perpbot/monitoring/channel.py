"""A way to tell the operator."""

from __future__ import annotations

from typing import Protocol


class DeliveryFailed(Exception):
    """A notice did not get through; the text says why, without address or content."""


class Channel(Protocol):
    """Takes one notice at a time. The owner sets the time limit of a delivery, by cancelling it."""

    @property
    def name(self) -> str:
        """The channel's name in the configuration."""

    @property
    def shown(self) -> str:
        """Where it leads, without what may be secret."""

    @property
    def timeout_seconds(self) -> float:
        """How long one delivery may take."""

    async def deliver(self, body: bytes) -> None:
        """Hand over one notice. Raises `DeliveryFailed`."""

    async def close(self) -> None:
        """Let go of connections."""
