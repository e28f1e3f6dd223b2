"""The ledger: every fill once, average cost, exact sums, five accounts an owner."""

from decimal import Decimal

import pytest

from perpbot.core.errors import InvariantViolated
from perpbot.core.events import FundingPaid
from perpbot.core.names import PairId
from perpbot.core.orders import Leg, Purpose, Side
from perpbot.ledger.accounts import Booking
from perpbot.ledger.ledger import UNOWNED, Ledger
from tests.unit.ledger.builders import BTC, INSTRUMENTS, INVERSE, LINEAR, OTHER, Prices, fill


@pytest.fixture
def ledger() -> Ledger:
    book = Ledger(INSTRUMENTS)
    for exchange in (LINEAR, OTHER, INVERSE):
        book.open_account(exchange, Decimal(10_000))
    return book


def funding(amount: str, payment_id: str = "f1", pair: str | None = None, exchange: str = LINEAR) -> FundingPaid:
    return FundingPaid(exchange, BTC, Decimal(amount), payment_id, 0, PairId(pair) if pair else None)


class TestFills:
    def test_buying_and_selling_realises_the_difference_and_both_fees(self, ledger: Ledger) -> None:
        """0.001 BTC bought at 95,123.45 and sold at 95,234.56 at 0.05 %: 0.1111 USD less 0.0952 fees."""
        bought = ledger.book_fill(fill(LINEAR, Side.BUY, "0.001", "95123.45", fee="0.04756173"), "p1")
        sold = ledger.book_fill(fill(LINEAR, Side.SELL, "0.001", "95234.56", fee="0.04761728"), "p1")
        assert bought == Booking(Decimal(0), Decimal("0.04756173"), Decimal(0))
        assert sold == Booking(Decimal("0.11111"), Decimal("0.04761728"), Decimal("0.001"))
        assert ledger.accounts("p1").total == Decimal("0.11111") - Decimal("0.09517901")
        assert list(ledger.lots()) == []

    def test_a_repeated_trade_changes_nothing(self, ledger: Ledger) -> None:
        """REGRESSIONS 38, I8: the stream and the snapshot both carry a fill; it counts once."""
        once = fill(LINEAR, Side.BUY, "1", "100", fee="0.05")
        ledger.book_fill(once, "p1")
        version = ledger.version
        assert ledger.book_fill(once, "p1").repeated
        assert ledger.position(LINEAR, BTC) == 1
        assert ledger.accounts("p1").fees == Decimal("0.05")
        assert ledger.version == version

    def test_the_same_trade_id_on_another_exchange_or_symbol_is_another_trade(self, ledger: Ledger) -> None:
        """Exchanges number their trades by market, so that numbers repeat."""
        ledger.book_fill(fill(LINEAR, Side.BUY, "1", "100", trade_id="7"), "p1")
        assert not ledger.book_fill(fill(OTHER, Side.SELL, "1", "100", trade_id="7"), "p1").repeated

    def test_a_trade_id_with_other_figures_is_a_broken_invariant(self, ledger: Ledger) -> None:
        """I8: an id that names two different trades is not a repetition."""
        ledger.book_fill(fill(LINEAR, Side.BUY, "1", "100", trade_id="7"), "p1")
        with pytest.raises(InvariantViolated, match="I8: trade 7"):
            ledger.book_fill(fill(LINEAR, Side.BUY, "2", "100", trade_id="7"), "p1")

    def test_reducing_realises_at_average_cost(self, ledger: Ledger) -> None:
        """1 at 100 and 3 at 120 cost 115 on average; selling 2 at 130 brings 30 and leaves the average as it was."""
        ledger.book_fill(fill(LINEAR, Side.BUY, "1", "100"), "p1")
        ledger.book_fill(fill(LINEAR, Side.BUY, "3", "120"), "p1")
        assert ledger.book_fill(fill(LINEAR, Side.SELL, "2", "130"), "p1").realized_usd == 30
        assert ledger.lot(LINEAR, BTC, "p1").entry_price(INSTRUMENTS[LINEAR, BTC]) == 115

    @pytest.mark.parametrize(("first", "sign"), [(Side.BUY, 1), (Side.SELL, -1)])
    def test_a_fill_that_flips_closes_first_and_opens_the_rest_at_its_own_price(
        self, ledger: Ledger, first: Side, sign: int
    ) -> None:
        """What is beyond the position is a new one: nothing of it is realised."""
        ledger.book_fill(fill(LINEAR, first, "2", "100"), "p1")
        flipped = ledger.book_fill(fill(LINEAR, first.opposite, "5", "110"), "p1")
        lot = ledger.lot(LINEAR, BTC, "p1")
        assert flipped.realized_usd == 20 * sign
        assert flipped.closed == 2 * sign
        assert lot.contracts == -3 * sign
        assert lot.entry_price(INSTRUMENTS[LINEAR, BTC]) == 110

    def test_an_inverse_gain_is_rounded_in_coin_then_in_dollars(self, ledger: Ledger) -> None:
        """3 contracts of 100 USD from 60,000 to 61,000: 300/60000 − 300/61000 = 0.00008197 BTC = 5.00017 USD."""
        ledger.book_fill(fill(INVERSE, Side.BUY, "3", "60000", fee="0.00000250"), "p1")
        sold = ledger.book_fill(fill(INVERSE, Side.SELL, "3", "61000", fee="0.00000246"), "p1")
        assert sold.realized_usd == Decimal("0.00008197") * 61_000
        assert sold.fee_usd == Decimal("0.00000246") * 61_000
        assert ledger.accounts("p1").fees == Decimal("0.15") + Decimal("0.15006")

    def test_owners_keep_their_own_lots_of_one_position(self, ledger: Ledger) -> None:
        """Two pairs on one instrument do not average into each other."""
        ledger.book_fill(fill(LINEAR, Side.BUY, "1", "100"), "p1")
        ledger.book_fill(fill(LINEAR, Side.SELL, "1", "110"), "p2")
        assert ledger.position(LINEAR, BTC) == 0
        assert {lot.owner: lot.contracts for lot in ledger.lots(LINEAR)} == {"p1": Decimal(1), "p2": Decimal(-1)}
        assert ledger.total_accounts().price == 0

    def test_an_unknown_instrument_or_fee_currency_books_nothing(self, ledger: Ledger) -> None:
        """What cannot be valued is refused whole, so that it can be booked once it can be."""
        with pytest.raises(InvariantViolated, match="ETH-USD-PERP on linear_house"):
            ledger.book_fill(fill(LINEAR, Side.BUY, "1", "100", symbol="ETH-USD-PERP"), "p1")
        strange = fill(LINEAR, Side.BUY, "1", "100", fee="1")
        object.__setattr__(strange, "fee_currency", "BNB")
        with pytest.raises(InvariantViolated, match="in BNB has no value"):
            ledger.book_fill(strange, "p1")
        assert ledger.position(LINEAR, BTC) == 0
        assert ledger.owners == ()


class TestSlippage:
    def test_an_order_slips_by_its_average_fill_against_its_own_decision(self, ledger: Ledger) -> None:
        """Half at 100 and half at 102 against 100: 100 bps worse for a buy; and 1 USD."""
        for price in ("100", "102"):
            ledger.book_fill(
                fill(LINEAR, Side.BUY, "0.5", price), "p1", Leg.BUY, Purpose.ENTRY, decision_price=Decimal(100)
            )
        (order,) = ledger.order_slippages()
        assert order.bps == 100
        assert (order.leg, order.purpose, order.owner) == (Leg.BUY, Purpose.ENTRY, "p1")
        assert ledger.accounts("p1").slippage == 1

    def test_a_sell_above_its_decision_slips_negatively(self, ledger: Ledger) -> None:
        """Worse is positive on both sides."""
        ledger.book_fill(fill(LINEAR, Side.SELL, "1", "101"), "p1", decision_price=Decimal(100))
        assert ledger.order_slippages()[0].bps == -100
        assert ledger.accounts("p1").slippage == -1

    def test_slippage_is_information_and_no_part_of_the_total(self, ledger: Ledger) -> None:
        """It is in the price already (REGRESSIONS 33)."""
        ledger.book_fill(fill(LINEAR, Side.BUY, "1", "101"), "p1", decision_price=Decimal(100))
        assert ledger.accounts("p1").total == 0

    def test_an_order_without_a_decision_price_has_no_slippage(self, ledger: Ledger) -> None:
        """None is not zero."""
        ledger.book_fill(fill(LINEAR, Side.BUY, "1", "101"), "p1")
        assert ledger.order_slippages() == ()


class TestPayments:
    def test_funding_is_shared_by_contracts_and_the_remainder_goes_to_the_largest(self, ledger: Ledger) -> None:
        """Thirds of a cent do not vanish."""
        ledger.book_fill(fill(LINEAR, Side.BUY, "1", "100"), "p1")
        ledger.book_fill(fill(LINEAR, Side.BUY, "1", "100"), "p2")
        ledger.book_fill(fill(LINEAR, Side.BUY, "4", "100"), "p3")
        shares = ledger.book_funding(funding("-0.00000010"))
        assert shares == {"p1": Decimal("-2e-8"), "p2": Decimal("-2e-8"), "p3": Decimal("-6e-8")}
        assert ledger.exchange_accounts(LINEAR).funding == Decimal("-1e-7")

    def test_an_owner_on_the_other_side_of_the_net_position_is_paid_what_the_others_pay(self, ledger: Ledger) -> None:
        """The payment is on the net: 3 long and 1 short pay for 2."""
        ledger.book_fill(fill(LINEAR, Side.BUY, "3", "100"), "p1")
        ledger.book_fill(fill(LINEAR, Side.SELL, "1", "100"), "p2")
        assert ledger.book_funding(funding("-2")) == {"p1": Decimal(-3), "p2": Decimal(1)}

    def test_owners_who_cancel_out_share_by_size(self, ledger: Ledger) -> None:
        """Whatever the exchange paid on a flat net position is somebody's."""
        ledger.book_fill(fill(LINEAR, Side.BUY, "1", "100"), "p1")
        ledger.book_fill(fill(LINEAR, Side.SELL, "1", "100"), "p2")
        assert ledger.book_funding(funding("2")) == {"p1": Decimal(1), "p2": Decimal(1)}

    def test_a_payment_counts_once(self, ledger: Ledger) -> None:
        """REGRESSIONS 38: the same record read twice."""
        ledger.book_fill(fill(LINEAR, Side.BUY, "1", "100"), "p1")
        ledger.book_funding(funding("-1"))
        assert ledger.book_funding(funding("-1")) == {}
        assert ledger.book_funding(funding("-1", pair="p1")) == {}
        assert ledger.accounts("p1").funding == -1

    def test_shares_that_were_journaled_are_booked_one_by_one_and_never_the_whole_again(self, ledger: Ledger) -> None:
        """A rebuilt ledger gets each owner's share by name, then the exchange's record of the whole."""
        assert ledger.book_funding(funding("-1", pair="p1")) == {"p1": Decimal(-1)}
        assert ledger.book_funding(funding("-2", pair="p2")) == {"p2": Decimal(-2)}
        assert ledger.book_funding(funding("-2", pair="p2")) == {}
        assert ledger.book_funding(funding("-3")) == {}
        assert ledger.total_accounts().funding == -3

    def test_a_late_payment_goes_to_who_held_the_position_last(self, ledger: Ledger) -> None:
        """Payment records come after the settlement, and the pair may be closed by then."""
        ledger.book_fill(fill(LINEAR, Side.BUY, "1", "100"), "p1")
        ledger.book_fill(fill(LINEAR, Side.SELL, "1", "100"), "p1")
        assert ledger.book_funding(funding("-1")) == {"p1": Decimal(-1)}
        assert ledger.book_funding(funding("-1", exchange=OTHER)) == {UNOWNED: Decimal(-1)}

    def test_gas_and_transfers_count_once(self, ledger: Ledger) -> None:
        """Gas is a cost, a transfer is none."""
        assert ledger.book_gas(LINEAR, Decimal("0.3"), "tx1", "p1")
        assert not ledger.book_gas(LINEAR, Decimal("0.3"), "tx1", "p1")
        assert ledger.book_transfer(LINEAR, Decimal(-500), "w1")
        assert not ledger.book_transfer(LINEAR, Decimal(-500), "w1")
        assert ledger.balance(LINEAR) == Decimal("9499.7")
        assert ledger.transfers(LINEAR) == -500
        assert ledger.accounts("p1").gas == Decimal("0.3")


class TestEquity:
    def test_a_long_is_worth_the_bid_and_a_short_the_ask(self, ledger: Ledger) -> None:
        """What is open counts at the price at which it can be closed."""
        ledger.book_fill(fill(LINEAR, Side.BUY, "1", "100"), "p1")
        ledger.book_fill(fill(OTHER, Side.SELL, "1", "100"), "p1")
        prices = Prices(linear_house=("98", "99"), other_house=("103", "105"))
        assert ledger.equity(LINEAR, prices) == 9_998
        assert ledger.equity(OTHER, prices) == 9_995
        assert ledger.total_equity(prices) == 29_993

    def test_open_notional_is_no_part_of_equity(self, ledger: Ledger) -> None:
        """REGRESSIONS 25 and 26: one open leg of 50,000 USD leaves equity where it was."""
        ledger.book_fill(fill(LINEAR, Side.BUY, "0.5", "100000"), "p1")
        assert ledger.equity(LINEAR, Prices(linear_house=("100000", "100000"))) == 10_000

    def test_a_price_that_cannot_be_read_is_the_last_one_and_not_zero(self, ledger: Ledger) -> None:
        """Before any touch the fill's own price counts."""
        ledger.book_fill(fill(LINEAR, Side.BUY, "1", "100"), "p1")
        assert ledger.equity(LINEAR, Prices()) == 10_000
        ledger.value(Prices(linear_house=("90", "91")))
        assert ledger.equity(LINEAR, Prices()) == 9_990

    @pytest.mark.parametrize("exchange", [OTHER, INVERSE])
    def test_a_ten_percent_move_moves_no_hedged_equity(self, ledger: Ledger, exchange: str) -> None:
        """Each exchange carries half of its pair, so the move is a loss on neither, inverse contracts included."""
        ledger.open_pair("p1", LINEAR, exchange)
        contracts = "300" if exchange == INVERSE else "0.5"
        ledger.book_fill(fill(LINEAR, Side.BUY, "0.5", "60000"), "p1")
        ledger.book_fill(fill(exchange, Side.SELL, contracts, "60000"), "p1")
        moved = Prices(**{LINEAR: ("66000", "66000"), exchange: ("66000", "66000")})
        assert ledger.equity(LINEAR, moved) == 13_000
        assert abs(ledger.hedged_equity(LINEAR, moved) - 10_000) < Decimal("0.001")
        assert ledger.hedged_equity(LINEAR, moved) == ledger.hedged_equity(exchange, moved)

    def test_hedged_equity_shares_fees_and_funding_as_well_and_adds_up_to_the_total(self, ledger: Ledger) -> None:
        """Nothing is lost between the two ways of looking at it."""
        ledger.open_pair("p1", LINEAR, OTHER)
        ledger.book_fill(fill(LINEAR, Side.BUY, "1", "100", fee="0.00000003"), "p1")
        ledger.book_fill(fill(OTHER, Side.SELL, "1", "104", fee="2"), "p1")
        ledger.book_funding(funding("-1", pair="p1"))
        prices = Prices(linear_house=("99", "100"), other_house=("103", "105"))
        hedged = [ledger.hedged_equity(exchange, prices) for exchange in ledger.exchanges]
        assert hedged[0] == hedged[1] == 10_000 + (Decimal(-1) - 1 - 2 - 1 - Decimal("3e-8")) / 2
        assert sum(hedged) == ledger.total_equity(prices)

    def test_attributions_add_up_to_the_change_of_equity(self, ledger: Ledger) -> None:
        """I19 per owner: what nobody is charged for did not happen."""
        ledger.book_fill(fill(LINEAR, Side.BUY, "1", "100", fee="0.1"), "p1")
        ledger.book_fill(fill(OTHER, Side.SELL, "1", "104", fee="0.1"), "volume")
        ledger.book_gas(OTHER, Decimal(1), "tx", "volume")
        prices = Prices(linear_house=("99", "100"), other_house=("103", "105"))
        owners = ledger.attribution(prices)
        assert owners["p1"].total == Decimal("-1.1")
        assert owners["volume"].total == Decimal("-2.1")
        assert sum(owner.total for owner in owners.values()) == ledger.total_equity(prices) - 30_000

    def test_a_pair_is_opened_once_and_before_its_first_booking(self, ledger: Ledger) -> None:
        """Else what was booked before would be carried by one exchange alone."""
        ledger.open_pair("p1", LINEAR, OTHER)
        ledger.open_pair("p1", LINEAR, OTHER)
        ledger.book_fill(fill(LINEAR, Side.BUY, "1", "100"), "p2")
        for owner, other in (("p1", INVERSE), ("p2", OTHER)):
            with pytest.raises(InvariantViolated, match="opened after its first booking, or twice"):
                ledger.open_pair(owner, LINEAR, other)

    def test_an_account_is_opened_once(self, ledger: Ledger) -> None:
        """A second balance would be money from nowhere: what comes later is a transfer."""
        with pytest.raises(InvariantViolated, match="was opened before"):
            ledger.open_account(LINEAR, Decimal(1))
