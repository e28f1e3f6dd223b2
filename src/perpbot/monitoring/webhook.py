"""Notices by HTTP POST."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from perpbot.monitoring.channel import DeliveryFailed
from perpbot.monitoring.settings import WebhookSettings

if TYPE_CHECKING:
    from aiohttp import ClientSession


class Webhook:
    """Posts each notice as JSON. A 2xx answer is a delivery, and nothing of an answer but its status is read.

    Redirects are not followed: the address is the one the operator wrote. Proxies of the environment are not used.
    """

    name = "webhook"

    def __init__(self, settings: WebhookSettings) -> None:
        # Slow to import, so only where it is used, and before trading begins rather than at the first notice.
        import aiohttp  # noqa: PLC0415

        parts = urlsplit(settings.url)
        self.shown = f"{parts.scheme}://{parts.hostname}"
        self.timeout_seconds = settings.timeout_seconds
        self._url = settings.url
        self._http = aiohttp
        self._session: ClientSession | None = None

    async def deliver(self, body: bytes) -> None:
        http = self._http
        if self._session is None:
            # The time limit is the caller's: none of the library's own, on another clock.
            self._session = http.ClientSession(timeout=http.ClientTimeout(total=None), cookie_jar=http.DummyCookieJar())
        headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "perpbot"}
        try:
            async with self._session.post(self._url, data=body, headers=headers, allow_redirects=False) as answer:
                status = answer.status
        except (http.ClientError, OSError, ValueError) as error:
            raise DeliveryFailed(_named(error)) from None
        if not 200 <= status < 300:
            raise DeliveryFailed(
                f"answered {status}{', and redirects are not followed' if 300 <= status < 400 else ''}"
            )

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()


def _named(error: Exception) -> str:
    """What went wrong, without the error's own words: they may repeat the address."""
    said = error.strerror if isinstance(error, OSError) and error.errno is not None else None
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
