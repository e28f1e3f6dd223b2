"""The strategies of a service: asked once a loop; what they want goes to the desk."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, MutableSequence
from typing import Any, overload

from perpbot.core.market_data import Quote
from perpbot.core.names import ExchangeName, Symbol
from perpbot.core.ports import Spawn, Task
from perpbot.market.market import Market
from perpbot.strategy.desk import Desk
from perpbot.strategy.protocol import MarketData, Strategy


class Strategies(MutableSequence[Any]):
    """A list; a strategy that is put in gets its ``desk``.

    Each thinks in a task of its own: one that is slow is not asked again before it has answered, and one that fails is
    reported and asked again at the next turn. Neither holds up the service or the others.
    """

    def __init__(self, desk: Desk, spawn: Spawn, on_error: Callable[[str, Exception], None]) -> None:
        """``on_error`` is told a strategy's class and what it raised."""
        self._desk = desk
        self._spawn = spawn
        self._on_error = on_error
        self._items: list[Any] = []
        self._thinking: dict[int, Task] = {}

    def insert(self, index: int, value: Strategy) -> None:
        """Take in a strategy. Raises ``TypeError`` if it cannot analyze."""
        if not callable(getattr(value, "analyze", None)):
            raise TypeError(f"{type(value).__name__} is no strategy: it has no analyze(market_data)")
        value.desk = self._desk  # type: ignore[attr-defined]
        self._items.insert(index, value)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return self._items[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        del self._items[index]
        self.insert(index, value)

    def __delitem__(self, index: int | slice) -> None:
        del self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self._items))

    def turn(self, market: Market, symbols: Iterable[Symbol]) -> None:
        """Ask every strategy that has answered the turn before; what they want is carried out as they answer."""
        if not self._items:
            return
        data = market_data(market, symbols)
        self._thinking = {key: task for key, task in self._thinking.items() if not task.done()}
        for strategy in self:
            if id(strategy) not in self._thinking:
                name = f"strategy {type(strategy).__name__}"
                self._thinking[id(strategy)] = self._spawn(self._ask(strategy, data), name=name)

    async def _ask(self, strategy: Any, data: MarketData) -> None:
        try:
            signals = await _plain(strategy.analyze(data))
            if hasattr(strategy, "execute"):
                await _plain(strategy.execute(signals))
                return
            for intent in signals or ():
                _ = self._desk.submit(intent)
        except Exception as error:  # noqa: BLE001 - whatever a strategy raises must not stop the service
            self._on_error(type(strategy).__name__, error)


def market_data(market: Market, symbols: Iterable[Symbol]) -> dict[Symbol, dict[ExchangeName, Quote]]:
    """Symbol → quotes by exchange, as of now."""
    data: dict[Symbol, dict[ExchangeName, Quote]] = {}
    for symbol in symbols:
        quotes = {book.exchange: market.quote(book.exchange, symbol) for book in market.books_of(symbol)}
        data[symbol] = {exchange: quote for exchange, quote in quotes.items() if quote is not None}
    return data


async def _plain(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value
