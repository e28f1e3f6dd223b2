"""The exchanges of a service by name, and how one that a user brings joins it.

An exchange is put in before the service is opened: by code, ``service.exchanges["mine"] = MyExchange(config)``, or by
the settings. As the service opens it is connected, its instruments become known to all rooms, and the books of what is
scanned are followed; from then on it is one exchange among the others.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import partial

import structlog

from perpbot.arbitrage.universe import scanned_symbols
from perpbot.core.errors import InputError, PerpBotError, ReadFailed, Refused
from perpbot.core.events import InstrumentListed
from perpbot.core.market_data import MarketEvent
from perpbot.core.money import plain
from perpbot.core.names import ExchangeName
from perpbot.core.pairs import Pair
from perpbot.exchanges.base import ExchangeBase, MarketListener
from perpbot.service.account_lock import AccountLocks
from perpbot.service.configuration import adjust
from perpbot.service.guarded import GuardedExchange
from perpbot.service.parts import Parts

log = structlog.get_logger(__name__)


class Exchanges(Mapping[ExchangeName, GuardedExchange]):
    """All exchanges, guarded: what is read here is safe to hand to anyone, and orders go through the gate.

    An :class:`ExchangeBase` may be assigned under a name of its own until the service is opened; afterwards it is
    refused, because what was scanned, priced and opened so far did not know it.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._guarded = {name: GuardedExchange(raw, parts) for name, raw in parts.outside.exchanges.items()}
        self.taken = {*self._guarded, *(exchange for exchange, _ in parts.outside.instruments)}
        """Names that there are already, those whose prices alone are known too."""
        self._brought: dict[ExchangeName, ExchangeBase] = {}
        self._opened = False
        self._accounts = AccountLocks(os.environ, parts.outside.state_folder)

    def __getitem__(self, name: ExchangeName) -> GuardedExchange:
        return self._guarded[name]

    def __iter__(self) -> Iterator[ExchangeName]:
        return iter(self._guarded)

    def __len__(self) -> int:
        return len(self._guarded)

    def __setitem__(self, name: ExchangeName, exchange: ExchangeBase) -> None:
        """Let ``exchange`` join as the service opens.

        Raises :class:`Refused` if the name is taken or the service is open, ``TypeError`` for what is no exchange.
        """
        if not isinstance(exchange, ExchangeBase):
            raise TypeError(
                f"{type(exchange).__name__} is no exchange: it must extend perpbot.exchanges.base.ExchangeBase"
            )
        if self._opened:
            raise Refused(f"exchange {name} comes too late: put it in before the service is opened")
        if name in self.taken:
            raise Refused(f"there is an exchange {name} already; give yours another name")
        settings, outside = self._parts.settings.exchange(name), self._parts.outside
        exchange.attach(
            name=name,
            timers=outside.clock,
            spawn=outside.supervisor,
            adjust=partial(adjust, settings=settings),
            reference_only=self._held_back(name),
        )
        self.taken.add(name)
        self._brought[name] = exchange
        self._guarded[name] = GuardedExchange(exchange, self._parts)

    def update(self, exchanges: Mapping[ExchangeName, ExchangeBase]) -> None:
        """Put in several."""
        for name, exchange in exchanges.items():
            self[name] = exchange

    async def open(self, listener: MarketListener, planned: Iterable[Pair] = ()) -> None:
        """Connect what was brought and let it join; its market events go to ``listener``. ``planned`` are pairs of
        which an earlier run may have sent something.

        Raises :class:`ReadFailed` for one that does not start, :class:`InputError` if earlier runs hold something on
        an exchange that is not here, or if another process trades an account.
        """
        self._opened = True
        self._refuse_missing(planned)
        try:
            await self._join(listener)
        except BaseException:
            self._accounts.release()
            raise

    async def _join(self, listener: MarketListener) -> None:
        for exchange in self._brought.values():
            self._accounts.take(exchange)
        outside = self._parts.outside
        for exchange in self._brought.values():
            await _start(exchange)
            outside.admit(exchange, exchange.instruments)
            for instrument in exchange.instruments:
                outside.journal.append(InstrumentListed(instrument))
        if self._brought:
            trading = outside.trading
            symbols = scanned_symbols(self._parts.settings.arbitrage, outside.instruments, trading)
            self._parts.basis.join(trading, symbols)
        for exchange in self._brought.values():
            await self._follow(exchange, listener)

    async def close(self) -> None:
        """Disconnect what was brought; whoever made the others closes them."""
        for name, exchange in self._brought.items():
            try:
                await exchange.stop()
            except Exception as error:  # noqa: BLE001 - whatever a user's exchange raises, the others are closed too
                log.warning("exchange not disconnected", exchange=name, error=f"{type(error).__name__}: {error}")
        self._accounts.release()

    def _refuse_missing(self, planned: Iterable[Pair]) -> None:
        """What is held where nobody can close it is not traded around: the operator brings the exchange back."""
        brought = {name for name, each in self._brought.items() if each.capabilities.trading}
        here = brought | set(self._parts.outside.trading)
        for name, what in _held(self._parts, planned):
            if name not in here:
                raise InputError(
                    f"exchange {name} {self._why_missing(name)}, and {what} of an earlier run is open there: bring "
                    "it back under `exchanges`, or begin anew (perpbot paper reset, or another --db)"
                )

    def _why_missing(self, name: ExchangeName) -> str:
        configured = self._parts.settings.exchanges.get(name)
        if configured is None and name not in self:
            return "is not in the configuration"
        return "is disabled" if configured is not None and not configured.enabled else "may not trade"

    def _held_back(self, name: ExchangeName) -> str | None:
        """Why an exchange that could trade may not."""
        if self._parts.settings.exchange(name).trading is False:
            return f"exchanges.{name}.trading is false"
        return "in mode paper nothing is sent to an exchange" if self._parts.mode == "paper" else None

    async def _follow(self, exchange: ExchangeBase, listener: MarketListener) -> None:
        """Subscribe to the books of what is scanned; a book that cannot be had is not traded."""
        why = exchange.reference_only_because()
        if why is not None:
            log.warning(why)
        for symbol in self._parts.scanned:
            if exchange.instruments and exchange.instrument(symbol) is None:
                continue
            try:
                await exchange.subscribe_orderbook(symbol, partial(_hear, exchange.name, listener))
            except Exception as error:  # noqa: BLE001 - whatever a user's exchange raises, it is this book that is missing
                told = f"{type(error).__name__}: {error}"
                log.warning("book not followed", exchange=exchange.name, symbol=symbol, error=told)


def _held(parts: Parts, planned: Iterable[Pair]) -> Iterator[tuple[ExchangeName, str]]:
    """Everything that earlier runs left open, and where: pairs, orders, and what strategies hold."""
    for pair in (*parts.pairs.live(), *planned):
        yield from ((name, pair.pair_id) for name in pair.exchanges)
    yield from ((order.exchange, f"order {order.client_order_id}") for order in parts.tracker.unsettled())
    for lot in parts.ledger.lots():
        yield lot.exchange, f"a position of {lot.owner} ({plain(lot.contracts)} contracts of {lot.symbol})"


async def _start(exchange: ExchangeBase) -> None:
    """Connect and read the instruments. Raises :class:`ReadFailed`, in one line whatever went wrong."""
    try:
        await exchange.start()
    except PerpBotError:
        raise
    except Exception as error:
        raise ReadFailed(f"exchange {exchange.name} does not start: {type(error).__name__}: {error}") from error
    for instrument in exchange.instruments:
        if instrument.exchange != exchange.name:
            where = f"exchange {exchange.name}: its instrument {instrument.symbol}"
            raise ReadFailed(f"{where} says that it is of {instrument.exchange!r}; write exchange=self.name")


def _hear(name: ExchangeName, listener: MarketListener, event: MarketEvent, received_ns: int) -> None:
    """Hand on an event of ``name``; one that speaks for another exchange would spoil that one's book."""
    if event.exchange != name:
        raise ReadFailed(f"exchange {name} sent a book of {event.exchange!r}; write exchange=self.name")
    listener(event, received_ns)
