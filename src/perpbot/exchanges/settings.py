"""Settings of one exchange, ``exchanges.<name>``."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from perpbot.core.settings import SettingError, setting, shown, validate


@dataclass(frozen=True, slots=True)
class ExchangeSettings:
    """One exchange. What is not stated is as the exchange says, or as shipped for it."""

    enabled: bool = setting(True, help="whether the exchange is used at all")
    type: Literal["dex", "cex"] | None = setting(None, help="decentralised or centralised; for display")
    trading: bool | None = setting(None, help="false makes it reference only; nothing: as shipped for this exchange")
    network: Literal["emulator", "testnet", "mainnet"] | None = setting(
        None, help="which of its networks: addresses and chain id together; nothing: as the mode wants"
    )
    taker_fee_pct: Decimal | None = setting(
        None, ge="-0.01", le="0.05", unit="fraction of notional", help="taker fee; nothing: what the exchange says"
    )
    maker_fee_pct: Decimal | None = setting(
        None,
        ge="-0.01",
        le="0.05",
        unit="fraction of notional",
        help="maker fee, negative is a rebate; nothing: what the exchange says",
    )
    funding_rate: Decimal = setting(
        "0", ge="-0.05", le="0.05", unit="fraction per funding interval", help="assumed where no funding is recorded"
    )
    latency_seconds: float = setting(
        0.005, ge=0, le=60, unit="seconds", help="simulated time an order takes to the exchange, and its answer back"
    )
    min_order_size: Decimal = setting(
        "0", ge=0, unit="USD", help="smallest order notional, beside the instrument's own"
    )
    class_: str | None = setting(None, help="an exchange of your own, as module:Name")

    def __post_init__(self) -> None:
        validate(self)
        module, _, name = ("module:Name" if self.class_ is None else self.class_).partition(":")
        if not (name.isidentifier() and all(part.isidentifier() for part in module.split("."))):
            raise SettingError(f"must be written module:Name, not {shown(self.class_)}", ("class",))
