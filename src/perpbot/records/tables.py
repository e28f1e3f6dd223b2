"""The database's tables. A change here needs a migration (:mod:`perpbot.records.migrations`); a test compares them.

Times are nanoseconds since 1970 (``*_ns``), amounts are USD unless a name says otherwise. All of it but ``verdicts``
and ``documents`` can be rebuilt from the journal.
"""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import JSON, Boolean, Column, Index, Integer, MetaData, Table, Text, UniqueConstraint

from perpbot.records.decimals import ExactDecimal

metadata = MetaData()


def _text(name: str, *, key: bool = False, optional: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=key, nullable=optional)


def _number(name: str, *, key: bool = False, optional: bool = False) -> Column[int]:
    return Column(name, Integer, primary_key=key, nullable=optional)


def _amount(name: str, *, optional: bool = False) -> Column[Decimal]:
    return Column(name, ExactDecimal(), nullable=optional)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False)


meta = Table("meta", metadata, _text("key", key=True), _text("value"))
"""What the file is: mode, the version that made it."""

journals = Table("journals", metadata, _text("journal", key=True), _number("last_record"))
"""How far each journal (by the hash of its header) has been read."""

runs = Table(
    "runs",
    metadata,
    _text("epoch", key=True),
    _text("mode"),
    _text("version"),
    _number("started_ns"),
    _number("stopped_ns", optional=True),
    _text("reason", optional=True),
)

instruments = Table(
    "instruments",
    metadata,
    _text("exchange", key=True),
    _text("symbol", key=True),
    _text("native"),
    _text("kind"),
    _amount("multiplier"),
    _text("quote"),
    _amount("tick"),
    _amount("step"),
    _amount("min_size"),
    _amount("min_notional"),
    _amount("maker_fee_pct"),
    _amount("taker_fee_pct"),
    _number("funding_interval_seconds"),
    _amount("max_leverage"),
    _text("status"),
)

pairs = Table(
    "pairs",
    metadata,
    _text("pair_id", key=True),
    _text("symbol"),
    _text("strategy"),
    _text("buy_exchange"),
    _text("sell_exchange"),
    _text("state"),
    _amount("size"),
    _amount("notional"),
    _amount("buy_open"),
    _amount("sell_open"),
    _amount("expected_pnl"),
    _amount("worst_case_loss", optional=True),
    _number("planned_ns"),
    _number("opened_ns", optional=True),
    _number("closed_ns", optional=True),
    _flag("ever_hedged"),
    _flag("repaired"),
    _text("exit_reason", optional=True),
    _text("reason", optional=True),
)
"""``size`` is base units; ``buy_open`` and ``sell_open`` are the contracts still held."""

orders = Table(
    "orders",
    metadata,
    _text("client_order_id", key=True),
    _text("pair_id", optional=True),
    _text("leg", optional=True),
    _text("purpose"),
    _text("exchange"),
    _text("symbol"),
    _text("side"),
    _amount("price", optional=True),
    _amount("size"),
    _amount("filled_size"),
    _amount("average_price", optional=True),
    _amount("decision_price", optional=True),
    _text("order_type"),
    _text("time_in_force"),
    _flag("reduce_only"),
    _text("status"),
    _text("reason", optional=True),
    _text("order_id", optional=True),
    _number("created_ns"),
    _number("updated_ns"),
    Index("orders_by_pair", "pair_id"),
)
"""``size`` and ``filled_size`` are contracts, ``price`` is NULL for market orders."""

fills = Table(
    "fills",
    metadata,
    _number("id", key=True),
    _text("exchange"),
    _text("symbol"),
    _text("trade_id"),
    _text("pair_id", optional=True),
    _text("leg", optional=True),
    _text("purpose"),
    _text("side"),
    _amount("price"),
    _amount("size"),
    _amount("contracts"),
    _amount("fee"),
    _text("fee_currency"),
    _text("liquidity"),
    _number("time_ns"),
    _text("order_id"),
    _text("client_order_id"),
    _amount("realized_usd"),
    _amount("fee_usd"),
    UniqueConstraint("exchange", "symbol", "trade_id"),
    Index("fills_by_pair", "pair_id"),
)
"""In the order they were booked; ``size`` is base units, ``fee`` in ``fee_currency``."""

trades = Table(
    "trades",
    metadata,
    _number("id", key=True),
    _text("timestamp"),
    _number("time_ns"),
    _text("pair_id", optional=True),
    _text("strategy"),
    _text("exchange"),
    _text("symbol"),
    _text("side"),
    _amount("price"),
    _amount("size"),
    _amount("notional"),
    _amount("fee"),
    _amount("pnl"),
    _text("trade_id"),
    _text("client_order_id"),
    UniqueConstraint("exchange", "symbol", "trade_id"),
)
"""One row a fill, all in USD and base units; ``pnl`` is what it realised before its ``fee``; ``timestamp`` is UTC."""

funding = Table(
    "funding",
    metadata,
    _number("id", key=True),
    _number("time_ns"),
    _text("exchange"),
    _text("symbol"),
    _text("pair_id"),
    _amount("amount"),
    _text("payment_id"),
    UniqueConstraint("exchange", "symbol", "payment_id", "pair_id"),
)
"""``amount`` is negative when paid; ``pair_id`` is empty for a payment that is no pair's."""

gas = Table(
    "gas",
    metadata,
    _number("id", key=True),
    _number("time_ns"),
    _text("exchange"),
    _text("owner"),
    _amount("amount"),
    _text("transaction_id"),
    UniqueConstraint("exchange", "transaction_id"),
)

transfers = Table(
    "transfers",
    metadata,
    _number("id", key=True),
    _number("time_ns"),
    _text("exchange"),
    _amount("amount"),
    _text("transfer_id"),
    UniqueConstraint("exchange", "transfer_id"),
)

equity = Table(
    "equity",
    metadata,
    _number("id", key=True),
    _number("time_ns"),
    _text("exchange"),
    _amount("equity"),
    _amount("balance"),
    _amount("unrealized"),
    Index("equity_by_time", "time_ns"),
)

events = Table(
    "events",
    metadata,
    _number("id", key=True),
    _number("time_ns"),
    _text("kind"),
    Column("data", JSON, nullable=False),
)
"""What has no table of its own: trading states, safe mode, broken invariants, tasks that died, runs."""

commands = Table(
    "commands",
    metadata,
    _number("id", key=True),
    _number("time_ns"),
    _text("command"),
    Column("arguments", JSON, nullable=False),
    _text("actor"),
    _text("reason"),
    _text("refused", optional=True),
    Index("commands_by_time", "time_ns"),
)
"""Who asked for what, when and why; ``refused`` is why it was not done, if it was not."""

verdicts = Table(
    "verdicts",
    metadata,
    _text("symbol", key=True),
    _text("level", key=True),
    _text("reason", key=True),
    _text("rule"),
    _number("count"),
    _amount("measured", optional=True),
    _amount("limit", optional=True),
    _amount("distance", optional=True),
    _text("detail"),
    _number("last_ns"),
)
"""The funnel: how often each reason ended a candidate, with the figures of the nearest miss."""

documents = Table(
    "documents",
    metadata,
    _text("name", key=True),
    _number("time_ns"),
    Column("body", JSON, nullable=False),
)
"""The newest state of what is shown as a whole: capital snapshot, risk, a replay's result."""
