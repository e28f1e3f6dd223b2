"""A venue whose external market is moved by hand."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

from perpbot.core.events import AccountEvent
from perpbot.core.instruments import ContractKind, Instrument
from perpbot.core.market_data import BookDelta, BookSnapshot, Level, MarketEvent, TopOfBook, TradePrint
from perpbot.core.money import plain
from perpbot.core.names import ClientOrderId
from perpbot.core.orders import Fill, OrderReport, OrderRequest, OrderType, Side, TimeInForce
from perpbot.simulation.venue.engine import VenueEngine
from perpbot.simulation.venue.feeds import QueueFeed
from perpbot.simulation.venue.market import Listing

SECOND = 1_000_000_000
START = 1_723_161_600 * SECOND + SECOND  # one second after a funding settlement (2024-08-09 00:00 UTC)
VENUE = "venue"
SYMBOL = "BTC-USD-PERP"

LINEAR = Instrument(
    exchange=VENUE,
    symbol=SYMBOL,
    native="BTCUSDT",
    tick=Decimal("0.1"),
    step=Decimal("0.001"),
    min_size=Decimal("0.002"),
    min_notional=Decimal(1),
    kind=ContractKind.LINEAR,
    multiplier=Decimal(1),
    quote="USDT",
    maker_fee_pct=Decimal("0.0002"),
    taker_fee_pct=Decimal("0.0005"),
)
INVERSE = replace(
    LINEAR,
    native="BTCUSD_PERP",
    kind=ContractKind.INVERSE,
    multiplier=Decimal(100),
    step=Decimal(1),
    min_size=Decimal(1),
)


class Scene:
    """A venue with one market; accounts ``us`` and ``them``. Times move only by :meth:`later`.

    ``resume`` is what the venue goes on from, and hands each further turn to.
    """

    def __init__(
        self,
        instrument: Instrument = LINEAR,
        *,
        deposit: str = "10000",
        funding_rate: str = "0",
        clock_offset_ns: int = 0,
        accounts: Sequence[str] = ("us", "them"),
        resume: Callable[[VenueEngine], None] | None = None,
    ) -> None:
        self.instrument = instrument
        self.feed = QueueFeed()
        self.offset_ns = clock_offset_ns
        listing = Listing(instrument, self.feed, clock_offset_ns)
        self.engine = VenueEngine(VENUE, [listing], funding_rate=Decimal(funding_rate), prefix="p-")
        if resume is not None:
            resume(self.engine)
        for account in accounts:
            if not self.engine.knows(account):
                self.engine.open_account(account, Decimal(deposit))
        self.now_ns = START
        self.sequence = self.depth_sequence = 0
        self.sent = 0
        self.pushed: list[MarketEvent] = []

    def later(self, seconds: float) -> None:
        self.now_ns += round(seconds * SECOND)

    def snapshot(self, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        self.sequence += 1
        self.depth_sequence = self.sequence
        self.push(BookSnapshot(VENUE, SYMBOL, bids, asks, self.sequence, self.venue_ns))

    def delta(self, bids: Sequence[Level] = (), asks: Sequence[Level] = ()) -> None:
        self.sequence += 1
        before, self.depth_sequence = self.depth_sequence, self.sequence
        self.push(BookDelta(VENUE, SYMBOL, bids, asks, before + 1, self.sequence, before, self.venue_ns))

    def ticker(self, bid: Level, ask: Level) -> None:
        self.sequence += 1
        self.push(TopOfBook(VENUE, SYMBOL, *bid, *ask, self.sequence, self.venue_ns))

    def trade(self, price: float, size: float, *, taker: Side) -> None:
        self.push(TradePrint(VENUE, SYMBOL, price, size, taker is Side.SELL, 1, self.venue_ns))

    def push(self, event: MarketEvent) -> None:
        self.pushed.append(event)
        self.feed.push(event, self.venue_ns)

    @property
    def venue_ns(self) -> int:
        return self.now_ns - self.offset_ns

    def request(
        self,
        side: Side,
        size: str,
        price: str | None,
        tif: TimeInForce = TimeInForce.IOC,
        *,
        reduce_only: bool = False,
        client_id: str | None = None,
        expires_ns: int | None = None,
        symbol: str = SYMBOL,
    ) -> OrderRequest:
        self.sent += 1
        return OrderRequest(
            ClientOrderId(client_id or f"c{self.sent}"),
            VENUE,
            symbol,
            side,
            Decimal(size),
            None if price is None else Decimal(price),
            OrderType.MARKET if price is None else OrderType.LIMIT,
            tif,
            reduce_only,
            self.now_ns,
            expires_ns,
        )

    def send(
        self,
        side: Side,
        size: str,
        price: str | None,
        tif: TimeInForce = TimeInForce.IOC,
        *,
        account: str = "us",
        reduce_only: bool = False,
        client_id: str | None = None,
        expires_ns: int | None = None,
        symbol: str = SYMBOL,
    ) -> OrderReport:
        request = self.request(
            side, size, price, tif, reduce_only=reduce_only, client_id=client_id, expires_ns=expires_ns, symbol=symbol
        )
        return self.engine.submit(account, request, self.now_ns)

    def buy(self, size: str, price: str | None, tif: TimeInForce = TimeInForce.IOC) -> OrderReport:
        return self.send(Side.BUY, size, price, tif)

    def sell(self, size: str, price: str | None, tif: TimeInForce = TimeInForce.IOC) -> OrderReport:
        return self.send(Side.SELL, size, price, tif)

    def report(self, report: OrderReport, account: str = "us") -> OrderReport:
        """The order as it stands after the venue is brought up to date."""
        self.engine.advance(self.now_ns)
        now = self.engine.report(account, report.client_order_id)
        assert now is not None
        return now

    def events(self, account: str = "us") -> list[AccountEvent]:
        self.engine.advance(self.now_ns)
        return self.engine.collect(account)

    def fills(self, report: OrderReport, account: str = "us") -> list[tuple[str, str]]:
        """Price and size of an order's fills."""
        self.engine.advance(self.now_ns)
        found: Sequence[Fill] = self.engine.fills(account, report.client_order_id)
        return [(plain(fill.price), plain(fill.size)) for fill in found]

    def contracts(self, account: str = "us") -> Decimal:
        position = self.engine.position(account, SYMBOL)
        return position.signed_size if position else Decimal(0)
