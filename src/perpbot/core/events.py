"""What happened, in the past tense: facts that are journaled, pushed and counted. Times are our clock."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, TypeAlias

from perpbot.core.commands import TradingState
from perpbot.core.instruments import Instrument
from perpbot.core.names import ExchangeName, PairId, Symbol
from perpbot.core.orders import Fill, Order, OrderReport, OrderRequest
from perpbot.core.pairs import Pair, PairState


@dataclass(frozen=True, slots=True)
class PairPlanned:
    """The intent: written before the first byte of the pair leaves."""

    kind: ClassVar[str] = "pair_planned"
    pair: Pair
    orders: tuple[OrderRequest, ...]
    worst_case_loss: Decimal


@dataclass(frozen=True, slots=True)
class PairMoved:
    """A pair changed its state."""

    kind: ClassVar[str] = "pair_moved"
    pair: Pair
    before: PairState


@dataclass(frozen=True, slots=True)
class OrderIntended:
    """The gate approved an order and is about to send it."""

    kind: ClassVar[str] = "order_intended"
    request: OrderRequest


@dataclass(frozen=True, slots=True)
class OrderFound:
    """An order of ours that the journal does not know (its last records were lost in a power cut) was found at its
    exchange, by its client id."""

    kind: ClassVar[str] = "order_found"
    request: OrderRequest


@dataclass(frozen=True, slots=True)
class OrderChanged:
    """An exchange said something new of an order."""

    kind: ClassVar[str] = "order_changed"
    order: Order


@dataclass(frozen=True, slots=True)
class OrderFilled:
    """A fill was booked, once."""

    kind: ClassVar[str] = "order_filled"
    fill: Fill
    request: OrderRequest
    realized_usd: Decimal
    fee_usd: Decimal


@dataclass(frozen=True, slots=True)
class FundingPaid:
    """A funding payment on one position; ``amount_usd`` is negative when paid."""

    kind: ClassVar[str] = "funding_paid"
    exchange: ExchangeName
    symbol: Symbol
    amount_usd: Decimal
    payment_id: str
    timestamp_ns: int
    pair_id: PairId | None = None


@dataclass(frozen=True, slots=True)
class GasPaid:
    """Gas of one transaction, in USD, positive when paid; ``owner`` is a pair's id or a strategy."""

    kind: ClassVar[str] = "gas_paid"
    exchange: ExchangeName
    amount_usd: Decimal
    transaction_id: str
    owner: str
    timestamp_ns: int


@dataclass(frozen=True, slots=True)
class CapitalTransferred:
    """A deposit (``amount_usd`` > 0) or withdrawal: never PnL."""

    kind: ClassVar[str] = "capital_transferred"
    exchange: ExchangeName
    amount_usd: Decimal
    transfer_id: str
    timestamp_ns: int


@dataclass(frozen=True, slots=True)
class AccountOpened:
    """The first balance read of an exchange, in USD: what equity is measured from."""

    kind: ClassVar[str] = "account_opened"
    exchange: ExchangeName
    balance: Decimal
    timestamp_ns: int


@dataclass(frozen=True, slots=True)
class InstrumentListed:
    """What a market's contracts are: without it recorded sizes could not be read."""

    kind: ClassVar[str] = "instrument_listed"
    instrument: Instrument


@dataclass(frozen=True, slots=True)
class EquityMarked:
    """Equity of one exchange in USD at one moment; ``hedged`` is that in which each pair's PnL is carried half by each
    of its exchanges. Marks of one moment have one time."""

    kind: ClassVar[str] = "equity_marked"
    exchange: ExchangeName
    equity: Decimal
    balance: Decimal
    unrealized: Decimal
    timestamp_ns: int
    hedged: Decimal


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The trading state changed."""

    kind: ClassVar[str] = "state_changed"
    before: TradingState
    after: TradingState
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class SafeModeChanged:
    """An exchange entered or left safe mode."""

    kind: ClassVar[str] = "safe_mode_changed"
    exchange: ExchangeName
    active: bool
    drawdown_pct: Decimal
    reason: str


@dataclass(frozen=True, slots=True)
class TradingStopped:
    """A limit of the account (``drawdown``, ``daily_loss``) was reached: nothing opens until it ends."""

    kind: ClassVar[str] = "trading_stopped"
    rule: str
    measured: Decimal | None
    limit: Decimal | None
    detail: str


@dataclass(frozen=True, slots=True)
class CommandTaken:
    """Somebody's command was allowed and is about to act. ``key`` is its idempotency key, empty without one."""

    kind: ClassVar[str] = "command_taken"
    command: str
    arguments: dict[str, str]
    actor: str
    reason: str
    key: str


@dataclass(frozen=True, slots=True)
class CommandRefused:
    """Somebody's command was refused, or could not be carried out: ``why``. ``key`` is
    the idempotency key that it had taken and that is free again."""

    kind: ClassVar[str] = "command_refused"
    command: str
    arguments: dict[str, str]
    actor: str
    reason: str
    why: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class SettingChanged:
    """A setting got another value while running. ``key`` may be a section: then ``value`` names those of its keys that
    changed together. ``value`` is what was asked for, ``before`` and ``after`` are for the eye."""

    kind: ClassVar[str] = "setting_changed"
    key: str
    value: str
    before: str
    after: str
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class PositionFound:
    """``contracts`` (signed, zero once gone) are held at an exchange that no order of ours explains: shown, never
    traded."""

    kind: ClassVar[str] = "position_found"
    exchange: ExchangeName
    symbol: Symbol
    contracts: Decimal


@dataclass(frozen=True, slots=True)
class WrittenOff:
    """What a resolved pair still held in our books and its exchange no longer shows. ``realized_usd`` is what the
    exchange's balance says that its end brought."""

    exchange: ExchangeName
    contracts: Decimal
    realized_usd: Decimal


@dataclass(frozen=True, slots=True)
class PairResolved:
    """The operator ended a quarantine after the exchanges showed the pair flat."""

    kind: ClassVar[str] = "pair_resolved"
    pair_id: PairId
    symbol: Symbol
    actor: str
    note: str
    written_off: tuple[WrittenOff, ...] = ()


@dataclass(frozen=True, slots=True)
class Recovered:
    """Journal and exchanges agree again after a start, or what does not is quarantined. ``unread`` are exchanges that
    could not be read: nothing opens there, and another of these follows once they were."""

    kind: ClassVar[str] = "recovered"
    resumed: tuple[PairId, ...] = ()
    refused: tuple[PairId, ...] = ()
    quarantined: tuple[PairId, ...] = ()
    crashed: bool = False
    unread: tuple[ExchangeName, ...] = ()


@dataclass(frozen=True, slots=True)
class CarriedAccounts:
    """What an owner's records that were left out came to on one exchange, in USD. ``hedged`` is what they did to its
    hedged equity."""

    exchange: ExchangeName
    owner: str
    price: Decimal
    fees: Decimal
    funding: Decimal
    gas: Decimal
    slippage: Decimal
    hedged: Decimal


@dataclass(frozen=True, slots=True)
class CarriedResults:
    """What pairs whose records were left out brought a pool of one exchange, in USD."""

    exchange: ExchangeName
    pool: str
    realized_pnl: Decimal
    volume: Decimal
    fees: Decimal


@dataclass(frozen=True, slots=True)
class HistoryCondensed:
    """What the records came to that a condensed journal leaves out, all of them of what is long over. ``pairs`` counts
    how pairs ended, by symbol."""

    kind: ClassVar[str] = "history_condensed"
    accounts: tuple[CarriedAccounts, ...]
    results: tuple[CarriedResults, ...]
    pairs: dict[Symbol, dict[str, int]]


@dataclass(frozen=True, slots=True)
class InvariantBroken:
    """A runtime invariant did not hold; the latch is set."""

    kind: ClassVar[str] = "invariant_broken"
    invariant: str
    detail: str


@dataclass(frozen=True, slots=True)
class TaskDied:
    """A supervised task ended by an error."""

    kind: ClassVar[str] = "task_died"
    task: str
    error: str
    restarts: int


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The first record of a run."""

    kind: ClassVar[str] = "run_started"
    mode: str
    epoch: str
    version: str


@dataclass(frozen=True, slots=True)
class RunStopped:
    """The last record of a run that was stopped in order."""

    kind: ClassVar[str] = "run_stopped"
    reason: str
    open_pairs: tuple[PairId, ...] = ()


Event: TypeAlias = (
    PairPlanned
    | PairMoved
    | OrderIntended
    | OrderFound
    | OrderChanged
    | OrderFilled
    | FundingPaid
    | GasPaid
    | CapitalTransferred
    | AccountOpened
    | InstrumentListed
    | EquityMarked
    | StateChanged
    | SafeModeChanged
    | TradingStopped
    | CommandTaken
    | CommandRefused
    | SettingChanged
    | PositionFound
    | PairResolved
    | Recovered
    | HistoryCondensed
    | InvariantBroken
    | TaskDied
    | RunStarted
    | RunStopped
)

AccountEvent: TypeAlias = OrderReport | Fill | FundingPaid
"""What an exchange's account stream says."""
