"""Events as rows of the tables."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from typing import Any, TypeAlias

from perpbot.core.events import (
    CapitalTransferred,
    CommandRefused,
    CommandTaken,
    EquityMarked,
    FundingPaid,
    GasPaid,
    OrderFilled,
    RunStarted,
)
from perpbot.core.instruments import Instrument
from perpbot.core.money import realised
from perpbot.core.orders import Order
from perpbot.core.pairs import Pair
from perpbot.ledger.lots import WIDE

Row: TypeAlias = dict[str, Any]

_NS = 1_000_000_000
_INVERSE_SIZE_STEP = Decimal("1e-18")


def base_size(instrument: Instrument, contracts: Decimal, price: Decimal) -> Decimal:
    """``contracts`` in coins: exact for a linear instrument, to 18 places for an inverse one."""
    with localcontext(WIDE):
        coins = instrument.base(contracts, price)
        return coins.quantize(_INVERSE_SIZE_STEP) if instrument.inverse else coins


def iso(time_ns: int) -> str:
    """``2024-08-08T00:00:00.123456789Z``."""
    seconds, rest = divmod(time_ns, _NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def run_row(event: RunStarted, time_ns: int) -> Row:
    return {
        "epoch": event.epoch,
        "mode": event.mode,
        "version": event.version,
        "started_ns": time_ns,
        "stopped_ns": None,
        "reason": None,
    }


def instrument_row(instrument: Instrument) -> Row:
    return {field.name: getattr(instrument, field.name) for field in fields(instrument)}


def pair_row(pair: Pair, worst_case_loss: Decimal | None = None) -> Row:
    return {
        "pair_id": pair.pair_id,
        "symbol": pair.symbol,
        "strategy": pair.strategy,
        "buy_exchange": pair.buy_exchange,
        "sell_exchange": pair.sell_exchange,
        "state": pair.state,
        "size": pair.size,
        "notional": pair.notional,
        "buy_open": pair.buy.open,
        "sell_open": pair.sell.open,
        "expected_pnl": pair.expected_pnl,
        "worst_case_loss": worst_case_loss,
        "planned_ns": pair.planned_ns,
        "opened_ns": pair.opened_ns,
        "closed_ns": pair.closed_ns,
        "ever_hedged": pair.ever_hedged,
        "repaired": pair.repaired,
        "exit_reason": pair.exit_reason,
        "reason": pair.reason,
    }


def order_row(order: Order) -> Row:
    request = order.request
    return {
        "client_order_id": request.client_order_id,
        "pair_id": request.pair_id,
        "leg": request.leg,
        "purpose": request.purpose,
        "exchange": request.exchange,
        "symbol": request.symbol,
        "side": request.side,
        "price": request.price,
        "size": request.size,
        "filled_size": order.filled_size,
        "average_price": order.average_price,
        "decision_price": request.decision_price,
        "order_type": request.order_type,
        "time_in_force": request.time_in_force,
        "reduce_only": request.reduce_only,
        "status": order.status,
        "reason": order.reason,
        "order_id": order.order_id,
        "created_ns": request.created_ns,
        "updated_ns": order.timestamp_ns or request.created_ns,
    }


def fill_row(event: OrderFilled, instrument: Instrument) -> Row:
    fill, request = event.fill, event.request
    return {
        "exchange": fill.exchange,
        "symbol": fill.symbol,
        "trade_id": fill.trade_id,
        "pair_id": request.pair_id,
        "leg": request.leg,
        "purpose": request.purpose,
        "side": fill.side,
        "price": fill.price,
        "size": base_size(instrument, fill.size, fill.price),
        "contracts": fill.size,
        "fee": fill.fee,
        "fee_currency": fill.fee_currency,
        "liquidity": fill.liquidity,
        "time_ns": fill.timestamp_ns,
        "order_id": fill.order_id,
        "client_order_id": fill.client_order_id,
        "realized_usd": event.realized_usd,
        "fee_usd": event.fee_usd,
    }


def trade_row(event: OrderFilled, instrument: Instrument, strategy: str) -> Row:
    fill = event.fill
    return {
        "timestamp": iso(fill.timestamp_ns),
        "time_ns": fill.timestamp_ns,
        "pair_id": event.request.pair_id,
        "strategy": strategy,
        "exchange": fill.exchange,
        "symbol": fill.symbol,
        "side": fill.side,
        "price": fill.price,
        "size": base_size(instrument, fill.size, fill.price),
        "notional": realised(instrument.notional(fill.size, fill.price)),
        "fee": event.fee_usd,
        "pnl": event.realized_usd,
        "trade_id": fill.trade_id,
        "client_order_id": fill.client_order_id,
    }


def funding_row(event: FundingPaid) -> Row:
    return {
        "time_ns": event.timestamp_ns,
        "exchange": event.exchange,
        "symbol": event.symbol,
        "pair_id": event.pair_id or "",
        "amount": event.amount_usd,
        "payment_id": event.payment_id,
    }


def gas_row(event: GasPaid) -> Row:
    return {
        "time_ns": event.timestamp_ns,
        "exchange": event.exchange,
        "owner": event.owner,
        "amount": event.amount_usd,
        "transaction_id": event.transaction_id,
    }


def transfer_row(event: CapitalTransferred) -> Row:
    return {
        "time_ns": event.timestamp_ns,
        "exchange": event.exchange,
        "amount": event.amount_usd,
        "transfer_id": event.transfer_id,
    }


def equity_row(event: EquityMarked) -> Row:
    return {
        "time_ns": event.timestamp_ns,
        "exchange": event.exchange,
        "equity": event.equity,
        "balance": event.balance,
        "unrealized": event.unrealized,
    }


def command_row(event: CommandTaken | CommandRefused, time_ns: int) -> Row:
    return {
        "time_ns": time_ns,
        "command": event.command,
        "arguments": event.arguments,
        "actor": event.actor,
        "reason": event.reason,
        "refused": event.why if isinstance(event, CommandRefused) else None,
    }
