"""Paper exchanges on the generated market, stopped dead and started again later: accounts and prices go on."""

import shutil
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random  # noqa: TID251 - a test's own seeded streams

from perpbot.core.names import ClientOrderId
from perpbot.core.orders import OrderStatus, OrderType, Side, TimeInForce
from perpbot.simulation.clock import VirtualClock, run
from perpbot.simulation.generated import Pump, generated_listings, market_going_on
from perpbot.simulation.market import DemoSettings, GeneratedMarket
from perpbot.simulation.market import instruments as demo_instruments
from perpbot.simulation.market.saved import MarketFile
from perpbot.simulation.paper.accounts import AccountFile
from perpbot.simulation.paper.exchange import PaperExchange
from perpbot.simulation.paper.opening import PaperTerms, open_paper

START = 1_764_000_000_000_000_000
HOUR = 3600
BTC = "BTC-USD-PERP"
SETTINGS = DemoSettings(symbols=(BTC,), pulses_per_minute=0)
TRADING = ("paradex", "extended")
INSTRUMENTS = {
    key: replace(each, funding_interval_seconds=HOUR) for key, each in demo_instruments(SETTINGS.symbols).items()
}


class Life:
    """Exchanges and their market from one start to a kill."""

    def __init__(self, clock: VirtualClock, folder: Path) -> None:
        self.clock = clock
        self.folder = folder
        self.file = MarketFile(folder / "market")
        self.market: GeneratedMarket = market_going_on(
            self.file, SETTINGS, lambda name: Random(f"1/{name}"), clock.now_ns(), INSTRUMENTS
        )
        terms = PaperTerms(Decimal(10_000), lambda _: 0.005, lambda _: Decimal("0.0001"), f"{clock.now_ns() // 10**6}-")
        listings = generated_listings(self.market, TRADING)
        accounts = AccountFile(folder / "accounts", clock)
        self.exchanges: dict[str, PaperExchange] = open_paper(listings, clock, terms, accounts)
        self.pump = Pump(self.market, self.exchanges.values(), clock)

    async def start(self) -> None:
        self.market.history(65)
        for exchange in self.exchanges.values():
            await exchange.start()

    async def trade(self, exchange: str, side: Side, client_id: str, price: Decimal | None = None) -> OrderStatus:
        kind, tif = (OrderType.MARKET, TimeInForce.IOC) if price is None else (OrderType.LIMIT, TimeInForce.GTC)
        order = await self.exchanges[exchange].place_order(
            BTC,
            side,
            Decimal("0.01"),
            price,
            kind,
            client_order_id=ClientOrderId(client_id),
            time_in_force=tif,
            reduce_only=False,
        )
        return order.status

    async def run(self, seconds: int) -> None:
        for _ in range(seconds):
            self.pump.deliver(lambda event, received_ns: None)
            self.pump.catch_up()
            await self.clock.sleep(1)

    def mid(self, exchange: str) -> Decimal:
        touch = self.exchanges[exchange].engine.touch(BTC)
        assert touch is not None
        return (touch[0] + touch[1]) / 2

    async def killed(self) -> Path:
        """What the process leaves: the files as they stand."""
        for exchange in self.exchanges.values():
            await exchange.stop()
        folder = self.folder.with_name(self.folder.name + "+")
        shutil.copytree(self.folder, folder)
        return folder


def test_accounts_and_prices_go_on_after_a_kill(tmp_path: Path) -> None:
    """Positions, resting order and fills are there, three settlements were paid for, prices are where they were."""

    async def act(clock: VirtualClock) -> None:
        (tmp_path / "a").mkdir()
        first = Life(clock, tmp_path / "a")
        await first.start()
        await first.run(5)
        assert await first.trade("paradex", Side.BUY, "long") is OrderStatus.FILLED
        assert await first.trade("extended", Side.SELL, "short") is OrderStatus.FILLED
        low = first.exchanges["paradex"].engine.instruments[0].round_price(first.mid("paradex") / 2, buying=True)
        assert await first.trade("paradex", Side.BUY, "low", low) is OrderStatus.OPEN
        await first.run(60)
        first.file.save(first.market.state())
        mid = first.mid("paradex")
        balances = [(await each.get_balance()).balance for each in first.exchanges.values()]
        await first.run(2)
        folder = await first.killed()
        slept_from = clock.now_ns()
        await clock.sleep(3 * HOUR)
        settled = clock.now_ns() // (HOUR * 10**9) - slept_from // (HOUR * 10**9)
        again = Life(clock, folder)
        await again.start()
        await again.run(3)
        assert abs(again.mid("paradex") / mid - 1) < Decimal("0.006")
        for (name, exchange), before, side in zip(
            again.exchanges.items(), balances, (Side.BUY, Side.SELL), strict=True
        ):
            (position,) = await exchange.get_positions()
            assert position.signed_size == side.sign * Decimal("0.01")
            payments = await exchange.get_funding_payments(slept_from)
            assert len(payments) == settled == 3
            assert all(paid.amount_usd * side.sign < 0 for paid in payments)
            assert (await exchange.get_balance()).balance == before + sum(paid.amount_usd for paid in payments)
            assert len(await exchange.get_fills(BTC, ClientOrderId("long" if name == "paradex" else "short"))) > 0
        (resting,) = await again.exchanges["paradex"].get_open_orders()
        assert resting.client_order_id == "low"
        assert await again.trade("paradex", Side.SELL, "close") is OrderStatus.FILLED
        assert await again.exchanges["paradex"].get_positions() == []

    run(act, START)
