"""What Binance sends, as it sends it: combined-stream frames and REST depth snapshots.

One struct takes the payloads of all streams PerpBot reads, because spot ``bookTicker`` frames carry no ``e`` to tell
them by. Fields are named as on the wire: https://developers.binance.com/docs/derivatives (USD-M, COIN-M) and
https://developers.binance.com/docs/binance-spot-api-docs (spot). Prices and sizes are text there and numbers here;
NaN, infinities and negative values do not pass.
"""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

Price = Annotated[float, Meta(gt=0, lt=1e300)]
Size = Annotated[float, Meta(ge=0, lt=1e300)]
Milliseconds = Annotated[int, Meta(ge=0, lt=9_000_000_000_000)]
UpdateId = Annotated[int, Meta(ge=0, le=9_223_372_036_854_775_807)]
Levels = tuple[tuple[Price, Size], ...]


class Payload(Struct, gc=False):
    """``depthUpdate``, ``bookTicker`` and ``trade``; ``b`` and ``a`` are levels in the first, prices in the second."""

    e: str | None = None
    """kind of event"""
    s: str = ""
    """market"""
    T: Milliseconds | None = None
    """transaction time, ms"""
    U: UpdateId | None = None
    """first update id"""
    u: UpdateId | None = None
    """last update id"""
    pu: UpdateId | None = None
    """``u`` of the frame before (futures)"""
    b: Size | Levels | None = None
    B: Size | None = None
    a: Size | Levels | None = None
    A: Size | None = None
    t: int | None = None
    """trade id"""
    p: Size | None = None
    q: Size | None = None
    m: bool | None = None
    """whether the buyer is the maker"""


class Frame(Struct, gc=False):
    """A combined-stream frame (``data``), a REST depth snapshot (``lastUpdateId``) or an answer (``id``)."""

    data: Payload | None = None
    lastUpdateId: UpdateId | None = None  # noqa: N815 - as on the wire
    T: Milliseconds | None = None
    symbol: str | None = None
    bids: Levels | None = None
    asks: Levels | None = None
    id: int | str | UnsetType | None = UNSET


class Kind(Struct, gc=False):
    """The kind of an event alone."""

    e: str | None = None


class KindFrame(Struct, gc=False):
    data: Kind | None = None


class Stamp(Struct, gc=False):
    """When and at which update id a payload was made."""

    T: Milliseconds | None = None
    u: UpdateId = 0


class StampedFrame(Struct, gc=False):
    data: Stamp | None = None
    lastUpdateId: UpdateId = 0  # noqa: N815 - as on the wire
    T: Milliseconds | None = None


frame = msgspec.json.Decoder(Frame, strict=False).decode
kind_frame = msgspec.json.Decoder(KindFrame, strict=False).decode
stamped_frame = msgspec.json.Decoder(StampedFrame, strict=False).decode
