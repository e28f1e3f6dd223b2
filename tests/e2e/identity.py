"""PnL and fees recomputed from ``perpbot export fills`` alone, by nothing of the program's own."""

import csv
import io
from collections import defaultdict
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext

_WIDE = Context(prec=60)
_USD_OF_A_CONTRACT = {"BTC-USD-PERP": Decimal(100), "ETH-USD-PERP": Decimal(10)}
"""COIN-M, from dataset.yaml."""


def recomputed(fills: str) -> tuple[Decimal, Decimal]:
    """Price PnL and fees in USD, at average cost a pair and exchange, each fill rounded to 1e-8, coin before USD."""
    held: dict[tuple[str, str], tuple[Decimal, Decimal]] = defaultdict(lambda: (Decimal(0), Decimal(0)))
    realised = fees = Decimal(0)
    with localcontext(_WIDE):
        for row in csv.DictReader(io.StringIO(fills)):
            inverse = row["exchange"] == "binance_coinm"
            price, sign = Decimal(row["price"]), 1 if row["side"] == "BUY" else -1
            contracts = sign * Decimal(row["contracts"])
            multiplier = _USD_OF_A_CONTRACT[row["symbol"]] if inverse else Decimal(1)
            worth = multiplier / price if inverse else multiplier * price
            key = row["pair_id"], row["exchange"]
            size, value = held[key]
            if size * contracts < 0:
                assert abs(contracts) <= abs(size), "the pairs of this run close, they never turn"
                share = value * -contracts / size
                gain = share + contracts * worth if inverse else -contracts * worth - share
                realised += _to_usd(gain, price, inverse=inverse)
                held[key] = size + contracts, value - share
            else:
                held[key] = size + contracts, value + contracts * worth
            fees += _to_usd(Decimal(row["fee"]), price, inverse=inverse)
    assert all(size == 0 for size, _ in held.values())
    return realised, fees


def _to_usd(amount: Decimal, price: Decimal, *, inverse: bool) -> Decimal:
    return _booked(_booked(amount) * price) if inverse else _booked(amount)


def _booked(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("1e-8"), rounding=ROUND_HALF_EVEN)
