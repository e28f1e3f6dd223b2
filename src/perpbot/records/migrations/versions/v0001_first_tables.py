"""The first tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_house()
    _create_trading()
    _create_fills()
    _create_payments()
    _create_reports()


def _create_house() -> None:
    op.create_table("meta", _text("key", key=True), _text("value"))
    op.create_table("journals", _text("journal", key=True), _number("last_record"))
    op.create_table(
        "runs",
        _text("epoch", key=True),
        _text("mode"),
        _text("version"),
        _number("started_ns"),
        _number("stopped_ns", optional=True),
        _text("reason", optional=True),
    )
    op.create_table(
        "instruments",
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


def _create_trading() -> None:
    op.create_table(
        "pairs",
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
    op.create_table(
        "orders",
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
    )
    op.create_index("orders_by_pair", "orders", ["pair_id"])


def _create_fills() -> None:
    op.create_table(
        "fills",
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
        sa.UniqueConstraint("exchange", "symbol", "trade_id"),
    )
    op.create_index("fills_by_pair", "fills", ["pair_id"])
    op.create_table(
        "trades",
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
        sa.UniqueConstraint("exchange", "symbol", "trade_id"),
    )


def _create_payments() -> None:
    op.create_table(
        "funding",
        _number("id", key=True),
        _number("time_ns"),
        _text("exchange"),
        _text("symbol"),
        _text("pair_id"),
        _amount("amount"),
        _text("payment_id"),
        sa.UniqueConstraint("exchange", "symbol", "payment_id", "pair_id"),
    )
    op.create_table(
        "gas",
        _number("id", key=True),
        _number("time_ns"),
        _text("exchange"),
        _text("owner"),
        _amount("amount"),
        _text("transaction_id"),
        sa.UniqueConstraint("exchange", "transaction_id"),
    )
    op.create_table(
        "transfers",
        _number("id", key=True),
        _number("time_ns"),
        _text("exchange"),
        _amount("amount"),
        _text("transfer_id"),
        sa.UniqueConstraint("exchange", "transfer_id"),
    )


def _create_reports() -> None:
    op.create_table(
        "equity",
        _number("id", key=True),
        _number("time_ns"),
        _text("exchange"),
        _amount("equity"),
        _amount("balance"),
        _amount("unrealized"),
    )
    op.create_index("equity_by_time", "equity", ["time_ns"])
    op.create_table(
        "events",
        _number("id", key=True),
        _number("time_ns"),
        _text("kind"),
        sa.Column("data", sa.JSON, nullable=False),
    )
    op.create_table(
        "verdicts",
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
    op.create_table(
        "documents",
        _text("name", key=True),
        _number("time_ns"),
        sa.Column("body", sa.JSON, nullable=False),
    )


def _text(name: str, *, key: bool = False, optional: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), primary_key=key, nullable=optional)


def _number(name: str, *, key: bool = False, optional: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer(), primary_key=key, nullable=optional)


def _amount(name: str, *, optional: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(collation="decimal"), nullable=optional)


def _flag(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean(), nullable=False)
