"""Settings of the notification channels."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from perpbot.core.settings import SettingError, setting, validate


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Notices as JSON by HTTP POST. The URL may carry a token: it is never logged in full."""

    url: str = setting(help="where notices are sent by HTTP POST as JSON; http or https", masked=True)
    timeout_seconds: float = setting(
        5.0, ge=0.1, le=60, unit="seconds", help="how long one delivery may take before it is tried again"
    )

    def __post_init__(self) -> None:
        validate(self)
        if not _is_web_address(self.url):
            # The value is not repeated: an address that is nearly right may hold the same token.
            raise SettingError("must be an address like https://example.com/hook", ("url",))


@dataclass(frozen=True, slots=True)
class CommandSettings:
    """Notices handed to a program on its standard input, as one line of JSON. No shell takes part."""

    argv: tuple[str, ...] = setting(help="the program and its arguments, as a list; no shell reads them")
    timeout_seconds: float = setting(
        10.0, ge=0.1, le=300, unit="seconds", help="how long the program may run before it is killed"
    )

    def __post_init__(self) -> None:
        validate(self)
        if not self.argv or not self.argv[0].strip():
            raise SettingError('must name a program, as in ["/usr/local/bin/tell-me", "--loud"]', ("argv",))
        if any("\0" in word for word in self.argv):
            raise SettingError("must not contain a null character", ("argv",))


@dataclass(frozen=True, slots=True)
class NotificationSettings:
    """Who is told of quarantined and failed pairs, a halt, and orders of unknown outcome; nobody by default."""

    webhook: WebhookSettings | None = setting(None, help="send notices to a web address")
    command: CommandSettings | None = setting(None, help="hand notices to a program")

    def __post_init__(self) -> None:
        validate(self)


def _is_web_address(url: str) -> bool:
    if not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and port != 0
