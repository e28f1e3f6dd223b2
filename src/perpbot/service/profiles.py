"""The commented configuration file as ``config init`` writes it, and the profiles it may be written for."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from perpbot.config.template import Filling, template
from perpbot.service.configuration import SECTIONS, SHIPPED_EXCHANGES

_HEAD = (
    "PerpBot's settings. To change one, remove the # before its key: it then stands where it belongs. What is missing"
    " is as shipped. `perpbot config check FILE` finds mistakes, with line and column; `perpbot config explain [KEY]`"
    " says what is in force and where it was said."
)
_UNITS = (
    "Names say the unit: *_pct is a fraction (0.05 is 5 %), *_bps are basis points, *_seconds seconds. Amounts are USD."
)
_ELSEWHERE = (
    "A setting given as PERPBOT_SECTION__KEY in the environment (PERPBOT_RISK__MAX_RISK_PCT=0.02) beats this file, and"
    " --set section.key=value on the command line beats both. Keys of accounts never stand here: they come from the"
    " environment."
)
_OTHERS = ", ".join(name for name in SHIPPED_EXCHANGES if name != "paradex")
_NOTES = {
    "exchanges": (
        f"One entry for each exchange: paradex, {_OTHERS}, or one of your own with a class. Shown here for paradex.",
    ),
    "strategies": (
        "Strategies of your own, each an entry with its class and its own keys, as in",
        '- class: "my_module:MyStrategy"',
    ),
    "alerts": ("A list of alert rules.",),
}
_EXAMPLES = {
    "notifications.webhook.url": "https://example.com/hook",
    "notifications.command.argv": ["/usr/local/bin/tell-me", "--loud"],
}


@dataclass(frozen=True, slots=True)
class Profile:
    """How each exchange's equity is shared out: ``wash`` for hedged volume, ``arb`` for arbitrage, ``reserve``."""

    wash: Decimal
    arb: Decimal
    reserve: Decimal
    meaning: str


PROFILES = {
    "arbitrage": Profile(
        Decimal(0),
        Decimal("0.90"),
        Decimal("0.10"),
        "All but the reserve goes to arbitrage: pairs that are opened for a gap which pays its costs. There is no"
        " hedged volume, so a quiet market leaves most of the capital idle.",
    ),
    "balanced": Profile(
        Decimal("0.40"),
        Decimal("0.50"),
        Decimal("0.10"),
        "Half goes to arbitrage, and two fifths to hedged volume, which pays fees for volume and must be enabled"
        " separately; until it is, that part stays idle.",
    ),
    "volume": Profile(
        Decimal("0.70"),
        Decimal("0.20"),
        Decimal("0.10"),
        "Most goes to hedged volume, which pays fees for volume and must be enabled separately; arbitrage gets a"
        " fifth. These are the shares as shipped.",
    ),
}
"""Name → shares; the reserve is kept for emergencies in all of them."""


def commented_file(profile: str | None = None) -> str:
    """The text of a configuration file that changes nothing but what the profile of that name sets."""
    chosen = PROFILES.get(profile) if profile else None
    notes, stated = dict(_NOTES), {}
    if chosen is not None:
        notes["capital"] = (_words(profile or "", chosen),)
        shares = {"wash_budget_pct": chosen.wash, "arb_budget_pct": chosen.arb, "reserve_pct": chosen.reserve}
        stated = {f"capital.{key}": str(share) for key, share in shares.items()}
    return template(
        SECTIONS, Filling((_HEAD, "", _UNITS, _ELSEWHERE), {"exchanges": "paradex"}, notes, stated, _EXAMPLES)
    )


def _words(name: str, profile: Profile) -> str:
    return (
        f"Profile {name}: of each exchange's equity {_percent(profile.wash)} for hedged volume (wash),"
        f" {_percent(profile.arb)} for arbitrage (arb), {_percent(profile.reserve)} in reserve. {profile.meaning}"
        " The three shares must sum to 1."
    )


def _percent(share: Decimal) -> str:
    return f"{share:.0%}".replace("%", " %")
