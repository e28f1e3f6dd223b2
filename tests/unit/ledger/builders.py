"""What the ledger's tests share: two instruments, prices, and fills in one line."""

from __future__ import annotations

from decimal import Decimal
from itertools import count

from perpbot.core.instruments import ContractKind, Instrument
from perpbot.core.names import ClientOrderId, ExchangeName, OrderId, Symbol, TradeId
from perpbot.core.orders import Fill, Liquidity, Side

BTC = "BTC-USD-PERP"
LINEAR, INVERSE, OTHER = "linear_house", "inverse_house", "other_house"
_numbers = count(1)


def instrument(exchange: str, kind: ContractKind, multiplier: str, symbol: str = BTC) -> Instrument:
    one = Decimal(1)
    return Instrument(
        exchange=exchange,
        symbol=symbol,
        native=symbol,
        tick=Decimal("0.1"),
        step=one if kind is ContractKind.INVERSE else Decimal("0.001"),
        min_size=Decimal("0.001"),
        min_notional=Decimal(5),
        kind=kind,
        multiplier=Decimal(multiplier),
        quote="USD",
        maker_fee_pct=Decimal("0.0002"),
        taker_fee_pct=Decimal("0.0005"),
    )


INSTRUMENTS: dict[tuple[ExchangeName, Symbol], Instrument] = {
    (LINEAR, BTC): instrument(LINEAR, ContractKind.LINEAR, "1"),
    (OTHER, BTC): instrument(OTHER, ContractKind.LINEAR, "1"),
    (INVERSE, BTC): instrument(INVERSE, ContractKind.INVERSE, "100"),
}


def fill(
    exchange: str,
    side: Side,
    size: str | Decimal,
    price: str | Decimal,
    *,
    fee: str | Decimal = "0",
    trade_id: str | None = None,
    order: str = "e-1-b0",
    symbol: str = BTC,
) -> Fill:
    """A fill with the fee in what its instrument charges in."""
    number = next(_numbers)
    return Fill(
        exchange=exchange,
        symbol=symbol,
        order_id=OrderId(f"o{number}"),
        client_order_id=ClientOrderId(order),
        trade_id=TradeId(trade_id or f"t{number}"),
        side=side,
        price=Decimal(price),
        size=Decimal(size),
        fee=Decimal(fee),
        fee_currency="BTC" if exchange == INVERSE else "USD",
        liquidity=Liquidity.TAKER,
        timestamp_ns=number,
    )


class Prices:
    """Touch prices as told; what was not told has none."""

    def __init__(self, **touches: tuple[str, str]) -> None:
        self.touches = {exchange: (Decimal(bid), Decimal(ask)) for exchange, (bid, ask) in touches.items()}

    def touch(self, exchange: str, symbol: str) -> tuple[Decimal, Decimal] | None:
        return self.touches.get(exchange)

    def set(self, exchange: str, bid: str | Decimal, ask: str | Decimal) -> None:
        self.touches[exchange] = (Decimal(bid), Decimal(ask))


class HandClock:
    """Time that stands still until it is set."""

    def __init__(self, now_ns: int = 0) -> None:
        self.ns = now_ns

    def now_ns(self) -> int:
        return self.ns
