"""Binance's frames as market events. Pure."""

from collections.abc import Mapping

import msgspec

from perpbot.core.errors import ParseError
from perpbot.core.market_data import BookDelta, BookSnapshot, MarketEvent, TopOfBook, TradePrint
from perpbot.core.names import ExchangeName, Symbol
from perpbot.exchanges.binance import wire

_KINDS = frozenset({"bookTicker", "depthUpdate", "trade"})
_NS_PER_MS = 1_000_000
_SHOWN_BYTES = 60
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What the decoder raises, a RecursionError for what is nested too deeply."""


class FrameParser:
    """Decodes the frames of one Binance engine (USD-M, COIN-M or spot).

    ``symbols`` are the markets followed, native name → unified symbol. Futures deltas chain by ``pu``, spot deltas by
    ``U`` = previous ``u`` + 1; spot order book frames carry no transaction time (``engine_ns`` is ``None``).
    """

    def __init__(self, exchange: ExchangeName, symbols: Mapping[str, Symbol]) -> None:
        self._exchange = exchange
        self._symbols = dict(symbols)
        self._only = next(iter(self._symbols)) if len(self._symbols) == 1 else None

    def decode(self, raw: bytes, market: str | None = None) -> MarketEvent | None:
        """The event a frame carries; ``None`` if it carries none that concerns a book, as an answer to a request.

        ``market`` is the native name a REST depth snapshot was asked for: on USD-M and spot it does not say so itself.
        Raises :class:`~perpbot.core.errors.ParseError`.
        """
        try:
            frame = wire.frame(raw)
        except msgspec.ValidationError as error:
            if _is_other_kind(raw):
                return None
            raise ParseError(f"{error}: {_shown(raw)}") from None
        except _UNREADABLE as error:
            raise ParseError(f"not JSON ({error}): {_shown(raw)}") from None
        data = frame.data
        if data is None:
            return self._of_request(frame, market, raw)
        try:
            if data.e == "bookTicker" or (data.e is None and data.u is not None):
                return self._ticker(data)
            if data.e == "depthUpdate":
                return self._delta(data)
            return self._trade(data) if data.e == "trade" else None
        except ParseError as error:
            raise ParseError(f"{error}: {_shown(raw)}") from None

    def _ticker(self, data: wire.Payload) -> TopOfBook:
        bid, bid_size, ask, ask_size, sequence = data.b, data.B, data.a, data.A, data.u
        if not isinstance(bid, float) or not isinstance(ask, float):
            raise _lacking("bookTicker", "b or a")
        if bid_size is None or ask_size is None or sequence is None:
            raise _lacking("bookTicker", "B, A or u")
        symbol = self._symbol(data.s)
        return TopOfBook(self._exchange, symbol, bid, bid_size, ask, ask_size, sequence, _ns(data.T))

    def _delta(self, data: wire.Payload) -> BookDelta:
        bids, asks, first, last = data.b, data.a, data.U, data.u
        if not isinstance(bids, tuple) or not isinstance(asks, tuple):
            raise _lacking("depthUpdate", "b or a")
        if first is None or last is None or first > last:
            raise ParseError(f"depthUpdate with update ids U={first} u={last}")
        symbol = self._symbol(data.s)
        return BookDelta(self._exchange, symbol, bids, asks, first, last, data.pu, _ns(data.T))

    def _trade(self, data: wire.Payload) -> TradePrint | None:
        price, size, taken, number = data.p, data.q, data.m, data.t
        if price is None or size is None or taken is None or number is None:
            raise _lacking("trade", "p, q, m or t")
        if not (price and size):  # USD-M reports what the insurance fund takes over as a trade at 0
            return None
        return TradePrint(self._exchange, self._symbol(data.s), price, size, taken, number, _ns(data.T))

    def _of_request(self, frame: wire.Frame, market: str | None, raw: bytes) -> BookSnapshot | None:
        if frame.lastUpdateId is None and frame.id is not msgspec.UNSET:
            return None
        if frame.lastUpdateId is None or frame.bids is None or frame.asks is None:
            raise ParseError(f"neither a stream's frame nor a depth snapshot: {_shown(raw)}")
        asked = frame.symbol or market or self._only
        if asked is None:
            raise ParseError("a depth snapshot that names no market, with more than one followed")
        symbol = self._symbol(asked)
        return BookSnapshot(self._exchange, symbol, frame.bids, frame.asks, frame.lastUpdateId, _ns(frame.T))

    def _symbol(self, market: str) -> Symbol:
        symbol = self._symbols.get(market)
        if symbol is None:
            raise ParseError(f"a frame of the market {market!r}, expected {', '.join(self._symbols) or 'none'}")
        return symbol


def stamp(raw: bytes) -> tuple[int | None, int]:
    """Transaction time in ns (``None`` if not carried) and last update id (0 if none) of a frame, decoded no further.

    Raises :class:`~perpbot.core.errors.ParseError`.
    """
    try:
        frame = wire.stamped_frame(raw)
    except _UNREADABLE as error:
        raise ParseError(f"{error}: {_shown(raw)}") from None
    data = frame.data
    return (_ns(frame.T), frame.lastUpdateId) if data is None else (_ns(data.T), data.u)


def _ns(milliseconds: int | None) -> int | None:
    return None if milliseconds is None else milliseconds * _NS_PER_MS


def _is_other_kind(raw: bytes) -> bool:
    """Whether the frame is of an event that is not read here, whatever its fields mean."""
    try:
        data = wire.kind_frame(raw).data
    except _UNREADABLE:
        return False
    return data is not None and data.e is not None and data.e not in _KINDS


def _lacking(kind: str, fields: str) -> ParseError:
    return ParseError(f"{kind} without {fields}")


def _shown(raw: bytes) -> str:
    text = raw[:_SHOWN_BYTES].decode("utf-8", "backslashreplace")
    return repr(text) + ("…" if len(raw) > _SHOWN_BYTES else "")
