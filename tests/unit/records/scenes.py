"""What the records' tests share: a pair's life as events, and a clock."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from perpbot.core.commands import TradingState
from perpbot.core.events import (
    CapitalTransferred,
    EquityMarked,
    Event,
    FundingPaid,
    GasPaid,
    InstrumentListed,
    OrderChanged,
    OrderFilled,
    OrderIntended,
    PairMoved,
    PairPlanned,
    RunStarted,
    RunStopped,
    StateChanged,
)
from perpbot.core.instruments import ContractKind
from perpbot.core.names import ClientOrderId, OrderId, PairId, TradeId
from perpbot.core.orders import (
    Fill,
    Leg,
    Liquidity,
    Order,
    OrderRequest,
    OrderStatus,
    OrderType,
    Purpose,
    TimeInForce,
)
from perpbot.core.pairs import ExitReason, Pair, PairLeg, PairState
from tests.unit.ledger.builders import BTC, INVERSE, LINEAR, instrument

PAIR = PairId("e-1")
NOW = 1_723_075_200_123_456_789


class StepClock:
    """Every look at it is a microsecond later."""

    def __init__(self) -> None:
        self.ns = NOW

    def now_ns(self) -> int:
        self.ns += 1000
        return self.ns


def request(leg: Leg, attempt: int = 0, size: str = "0.5", purpose: Purpose = Purpose.ENTRY) -> OrderRequest:
    entry = purpose is Purpose.ENTRY
    return OrderRequest(
        client_order_id=ClientOrderId(f"{PAIR}-{leg[0]}{attempt}"),
        exchange=LINEAR if leg is Leg.BUY else INVERSE,
        symbol=BTC,
        side=leg.entry_side if entry else leg.entry_side.opposite,
        size=Decimal(size),
        price=Decimal("60000.10"),
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.IOC,
        reduce_only=not entry,
        created_ns=NOW,
        pair_id=PAIR,
        leg=leg,
        purpose=purpose,
        decision_price=Decimal(60000),
    )


def order(sent: OrderRequest, status: OrderStatus = OrderStatus.FILLED) -> Order:
    return Order(sent, status, OrderId(f"x{sent.client_order_id}"), sent.size, Decimal(60_000), None, NOW + 5)


def filled(sent: OrderRequest, price: str, realized: str, fee: str, fee_usd: str) -> OrderFilled:
    fill = Fill(
        exchange=sent.exchange,
        symbol=sent.symbol,
        order_id=OrderId(f"x{sent.client_order_id}"),
        client_order_id=sent.client_order_id,
        trade_id=TradeId(f"t{sent.client_order_id}"),
        side=sent.side,
        price=Decimal(price),
        size=sent.size,
        fee=Decimal(fee),
        fee_currency="USD" if sent.exchange == LINEAR else "BTC",
        liquidity=Liquidity.TAKER,
        timestamp_ns=NOW + 7,
    )
    return OrderFilled(fill, sent, Decimal(realized), Decimal(fee_usd))


def pair() -> Pair:
    return Pair(
        pair_id=PAIR,
        symbol=BTC,
        strategy="arbitrage",
        buy=PairLeg(LINEAR),
        sell=PairLeg(INVERSE),
        size=Decimal("0.5"),
        notional=Decimal(30_000),
        expected_pnl=Decimal("12.5"),
        planned_ns=NOW,
    )


def life() -> list[Event]:
    """A run in which one pair opens, is paid funding, and closes."""
    entries = [request(Leg.BUY), request(Leg.SELL, size="300")]
    exits = [request(leg, 1, size, Purpose.EXIT) for leg, size in ((Leg.BUY, "0.5"), (Leg.SELL, "300"))]
    planned = pair()
    sent = replace(planned, state=PairState.SENT)
    hedged = replace(sent, state=PairState.HEDGED, ever_hedged=True, opened_ns=NOW + 8)
    closed = replace(hedged, state=PairState.CLOSED, closed_ns=NOW + 9, exit_reason=ExitReason.GAP_VANISHED)
    return [
        RunStarted("replay", "e", "0.1.0"),
        InstrumentListed(instrument(LINEAR, ContractKind.LINEAR, "1")),
        InstrumentListed(instrument(INVERSE, ContractKind.INVERSE, "100")),
        PairPlanned(planned, tuple(entries), Decimal("55.5")),
        *(OrderIntended(entry) for entry in entries),
        PairMoved(sent, PairState.JOURNALED),
        *(OrderChanged(order(entry)) for entry in entries),
        filled(entries[0], "60000", "0", "15", "15"),
        filled(entries[1], "60010", "0", "0.00025", "15.0025"),
        PairMoved(hedged, PairState.SENT),
        FundingPaid(LINEAR, BTC, Decimal("-0.75"), "f1", NOW, PAIR),
        GasPaid(LINEAR, Decimal("0.01"), "tx1", PAIR, NOW),
        CapitalTransferred(LINEAR, Decimal(-100), "w1", NOW),
        EquityMarked(LINEAR, Decimal("9984.25"), Decimal("9984.25"), Decimal(0), NOW, Decimal("9984.25")),
        *(OrderIntended(closing) for closing in exits),
        *(OrderChanged(order(closing)) for closing in exits),
        filled(exits[0], "60100", "50", "15.025", "15.025"),
        filled(exits[1], "60090", "-40.05", "0.00025", "15.0225"),
        PairMoved(closed, PairState.CLOSING),
        StateChanged(TradingState.ACTIVE, TradingState.REDUCING, "signal", "stop"),
        RunStopped("stopped"),
    ]
