"""The order of the rooms is proved for every room there is."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PURE = {"core", "market", "pricing", "ledger", "capital", "risk", "arbitrage", "strategy"}


def test_every_pure_room_is_held_to_purity() -> None:
    """The contract lists rooms by name and cannot name those that do not exist; a new one must be added to it."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (purity,) = [contract for contract in contracts if contract["name"].startswith("the pure side")]
    held = {name.removeprefix("perpbot.") for name in purity["source_modules"]}
    existing = {path.parent.name for path in (ROOT / "src" / "perpbot").glob("*/__init__.py")}
    assert held == PURE & existing
