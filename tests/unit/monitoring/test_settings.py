"""A channel is configured completely or refused, and a refusal never repeats an address."""

from typing import Any

import pytest

from perpbot.core.settings import SettingError, build
from perpbot.monitoring.settings import CommandSettings, NotificationSettings, WebhookSettings


def test_nobody_is_told_by_default() -> None:
    """Both channels are optional."""
    assert build(NotificationSettings, {}) == NotificationSettings(webhook=None, command=None)


def test_both_channels_are_read_with_their_time_limits() -> None:
    """Five seconds for an address, ten for a program."""
    settings = build(
        NotificationSettings,
        {"webhook": {"url": "https://example.com/h?token=abc"}, "command": {"argv": ["notify-send", "-u", "critical"]}},
    )
    assert settings.webhook == WebhookSettings("https://example.com/h?token=abc", 5.0)
    assert settings.command == CommandSettings(("notify-send", "-u", "critical"), 10.0)


@pytest.mark.parametrize(
    "url",
    ["", "example.com", "ftp://example.com", "file:///etc/passwd", "http://", "http://h:99999/", "http://h:0/",
     "http://a b/", "http://h/\n"],
)  # fmt: skip
def test_what_is_no_web_address_is_refused_without_repeating_it(url: str) -> None:
    """An address that is nearly right may hold a token."""
    with pytest.raises(SettingError) as caught:
        WebhookSettings(url)
    assert caught.value.path == ("url",)
    assert str(caught.value) == "url must be an address like https://example.com/hook"


@pytest.mark.parametrize("argv", [[], [""], [" ", "x"], ["a\0b"], "a line for a shell"])
def test_what_is_no_program_is_refused(argv: Any) -> None:
    """No shell takes part, so a line for one is refused too."""
    with pytest.raises(SettingError) as caught:
        build(NotificationSettings, {"command": {"argv": argv}})
    assert caught.value.path[:2] == ("command", "argv")
