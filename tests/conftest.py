"""What all tests share: hypothesis profiles and the place of the reference texts and recordings."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings

# `ci`, the default, finds the same on every run; HYPOTHESIS_PROFILE=dev looks for new counterexamples.
settings.register_profile(
    "ci", derandomize=True, deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("dev", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For two workers: the long tests begin first, and what shares one built wheel runs on one of them."""
    items.sort(key=lambda item: "/e2e/" not in item.path.as_posix())
    for item in items:
        if "wheel_venv" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("wheel"))


@pytest.fixture(autouse=True)
def _quiet_log() -> Iterator[None]:
    """What one test says of the log ends with it: a later test must not write to a stream that is gone."""
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture(autouse=True)
def _own_signals() -> Iterator[None]:
    """As in a terminal, also where a job in the background was started with signals ignored."""
    fresh: dict[signal.Signals, Any] = dict.fromkeys((signal.SIGTERM, signal.SIGHUP), signal.SIG_DFL)
    fresh[signal.SIGINT] = signal.default_int_handler
    before = {number: signal.signal(number, handler) for number, handler in fresh.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def shared_folder() -> Path:
    """Where the reference texts and recordings stand: ``PERPBOT_SHARED``, else ``../shared`` beside this checkout."""
    stated = os.environ.get("PERPBOT_SHARED")
    return Path(stated) if stated else Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference texts and recordings; without it the test is skipped by name, and fails under CI."""
    folder = shared_folder()
    if not folder.is_dir():
        reason = f"{folder} is missing: put the reference folder there or set PERPBOT_SHARED"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder
