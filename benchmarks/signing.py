"""What hashing and signing one Paradex order costs, by each way, in the same run; the ratios hold on other machines.

Usage: python benchmarks/signing.py [ORDERS] [REPEATS]. With ``PARADEX_SDK_PYTHON`` naming a Python that has paradex-py
installed, the official SDK signs the same order beside ours.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import count as counter

from perpbot.core.orders import OrderType, Side
from perpbot.exchanges import stark
from perpbot.exchanges.paradex import sign

CHAIN = "PRIVATE_SN_POTC_MOCK_SEPOLIA"
KEY = 0x700D3C4A76AC97521C26F7192F0833BB6724FB8741AE6A2C9CB1B5C600C6EBD
ACCOUNT = 0x9ADC4397D1B00C507EA4D2C456EF55ED7A452D5D5646F48E121715273EF08C
MARKET, SIZE, PRICE = "BTC-USD-PERP", Decimal("0.1"), Decimal("29500.12")
ORDER = (MARKET, Side.BUY, OrderType.LIMIT)
START_MS = 1_750_000_000_123
OURS, BEGUN, PLAIN, BARE, SDK = (
    "signer, 9 Pedersen",
    "signer, begun before: 5 Pedersen",
    "message_hash of the typed data",
    "bare signature of a known hash",
    "paradex-py",
)
SDK_SIGNS = f"""
import sys, time
from decimal import Decimal
from paradex_py.account.account import ParadexAccount
from paradex_py.api.models import SystemConfigSchema
from paradex_py.common.order import Order, OrderSide, OrderType

names = {{field.data_key or name for name, field in SystemConfigSchema().fields.items() if field.required}}
stated = dict.fromkeys(names, "0x1") | {{
    "starknet_chain_id": "{CHAIN}", "l1_chain_id": "11155111", "paraclear_decimals": 8, "bridged_tokens": [],
    "starknet_fullnode_rpc_url": "http://127.0.0.1:1",
}}
account = ParadexAccount(
    SystemConfigSchema().load({{name: stated[name] for name in names | {{"starknet_fullnode_rpc_url"}}}}),
    l1_address="0x1", l2_private_key="{KEY:#x}", l2_address="{ACCOUNT:#x}",
)
for line in sys.stdin:
    start = time.perf_counter()
    for number in range(int(line)):
        account.sign_order(Order(
            market="{MARKET}", order_type=OrderType.Limit, order_side=OrderSide.Buy, size=Decimal("{SIZE}"),
            limit_price=Decimal("{PRICE}"), signature_timestamp={START_MS} + number,
        ))
    print((time.perf_counter() - start) / int(line) * 1e6, flush=True)
"""


def microseconds(count: int, act: Callable[[], object]) -> float:
    """The mean time of ``act``."""
    start = time.perf_counter_ns()
    for _ in range(count):
        act()
    return (time.perf_counter_ns() - start) / count / 1000


def ways() -> dict[str, Callable[[], object]]:
    """Each signs one order of another millisecond every time, but the last, which has nothing but a hash to sign."""
    signer, times = sign.OrderSigner(KEY, ACCOUNT, CHAIN), counter(START_MS)
    head = signer.begin(START_MS, *ORDER)
    hashed = signer.hash(head, SIZE, PRICE)

    def plain() -> stark.Signature:
        data = sign.order_data(CHAIN, next(times), *ORDER, sign.quantums(SIZE), sign.quantums(PRICE))
        return stark.sign(KEY, sign.message_hash(data, ACCOUNT))

    return {
        OURS: lambda: signer.sign(signer.begin(next(times), *ORDER), SIZE, PRICE),
        BEGUN: lambda: signer.sign(head, SIZE, PRICE),
        PLAIN: plain,
        BARE: lambda: stark.sign(KEY, hashed),
    }


@contextmanager
def official_sdk(python: str | None) -> Iterator[Callable[[int], float] | None]:
    """How to have the SDK sign some orders and say the microseconds of each; ``None`` without it."""
    if not python:
        yield None
        return
    command = [python, "-c", SDK_SIGNS]
    piped = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - the user's
    with piped as process:
        asked, answered = process.stdin, process.stdout
        assert asked is not None
        assert answered is not None

        def measure(count: int) -> float:
            print(count, file=asked, flush=True)
            return float(answered.readline())

        measure(1)  # the first one imports and compiles
        yield measure
        asked.close()


def main(count: int = 500, repeats: int = 7) -> None:
    """Alternate the ways, so that a busy machine is busy for all of them."""
    figures: dict[str, list[float]] = {}
    acts = ways()
    with official_sdk(os.environ.get("PARADEX_SDK_PYTHON")) as sdk:
        for _ in range(repeats):
            for name, act in acts.items():
                figures.setdefault(name, []).append(microseconds(count, act))
            if sdk:
                figures.setdefault(SDK, []).append(sdk(count // 10 or 1))
    report({name: statistics.median(values) for name, values in figures.items()})


def report(figures: dict[str, float]) -> None:
    for name, value in figures.items():
        print(f"{name:34} {value:9.1f} µs an order, {value / figures[OURS]:7.2f} of the signer")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
