"""Paradex's binary frames are read by the schema's rules; what cannot be read is named."""

import json
from pathlib import Path
from struct import pack
from typing import Any

import pytest

from perpbot.core.errors import ParseError
from perpbot.exchanges.paradex.sbe import decode
from perpbot.exchanges.paradex.templates import TEMPLATES

NULL = -(2**63)
TIMES = (1_790_000_000_123_456, 7)
MARKET = b"\x0cBTC-USD-PERP"
BBO = pack("<4q", 1 * 10**8, 2 * 10**8, 3 * 10**8, 4 * 10**8)


def frame(number: int, block: bytes, rest: bytes = MARKET, *, version: int = 2, schema: int = 1) -> bytes:
    return pack("<4H", len(block), number, schema, version) + block + rest


def bbo(block: bytes = BBO, rest: bytes = MARKET, **header: int) -> bytes:
    return frame(2, pack("<2q", *TIMES) + block, rest, **header)


def trade(side: int = 1, kind: int = 1, rest: bytes = MARKET, **header: int) -> bytes:
    return frame(1, pack("<3qB3qB", *TIMES, 5, side, 10**8, 10**8, 0, kind), rest, **header)


def book(groups: bytes, package: int = 0) -> bytes:
    return frame(3, pack("<2qB9q", *TIMES, package, *[NULL] * 9), groups + MARKET)


def order(request: bytes = b"\0\0", texts: bytes = b"", flags: int = 0, version: int = 2) -> bytes:
    block = pack("<2q4B7q32s2q2B", *TIMES, 3, 1, 1, 1, *[10**8] * 5, 0, 0, b"\0" * 30 + b"\1\2", 0, 0, 2, flags)
    return frame(20, block + request, b"\1o\1c" + MARKET + b"\0" + texts, version=version)


def position(side: int, size: int) -> bytes:
    block = pack("<2qB8q32s5qB", *TIMES, side, size, *[0] * 7, bytes(32), *[0] * 5, 1)
    return frame(22, block, MARKET + b"\1f")


def comparison(kind: int, source: int) -> bytes:
    return frame(6, pack("<3q2B", 1_000, 2_000, 1, kind, source))


def read(raw: bytes) -> dict[str, Any]:
    data = decode(raw)[1]
    assert data is not None
    return data


@pytest.mark.shared
def test_every_vector_reads_as_the_official_decoder_reads_it(shared: Path) -> None:
    """Channel and each value."""
    vectors = json.loads((shared / "wire/paradex/sbe_vectors.json").read_text())["vectors"]
    for vector in vectors:
        assert decode(bytes.fromhex(vector["hex"])) == (vector["channel"], vector["decoded"]), vector["name"]
    assert vectors


@pytest.mark.shared
def test_no_vector_cut_off_anywhere_reads_as_something_else(shared: Path) -> None:
    """A cut either is refused or leaves out what version 2 appended, which the schema allows to be absent."""
    for vector in json.loads((shared / "wire/paradex/sbe_vectors.json").read_text())["vectors"]:
        raw, whole = bytes.fromhex(vector["hex"]), vector["decoded"]
        for length in range(len(raw)):
            try:
                data = read(raw[:length])
            except ParseError:
                continue
            assert data == whole | {"trade_id_str": None}


@pytest.mark.parametrize("number", [40, 41, 7, 99, 65_535])
def test_what_carries_no_data_is_passed_over(number: int) -> None:
    """Heartbeats, acknowledgements and templates of a schema to come."""
    assert decode(frame(number, bytes(17), b"")) == (None, None)


@pytest.mark.parametrize("number", sorted(TEMPLATES))
@pytest.mark.parametrize("version", [0, 1, 2, 3, 9])
def test_a_longer_block_of_a_newer_version_is_skipped(number: int, version: int) -> None:
    """By the length in the header; what follows the last known text is left alone."""
    template = TEMPLATES[number]
    block = bytes(template.layouts[0].size)
    rest = bytes(8 if template.grouped else 0) + MARKET * 6 + b"\5newer"
    assert decode(frame(number, block + b"\xff" * 5, rest, version=version)) == decode(
        frame(number, block, rest, version=version)
    )


@pytest.mark.parametrize("number", sorted(TEMPLATES))
def test_fields_of_later_versions_are_absent_from_a_shorter_block(number: int) -> None:
    """All keys are there, the absent ones as null; a block shorter than version 0's is refused."""
    template = TEMPLATES[number]
    rest = bytes(8 if template.grouped else 0) + MARKET * 6
    newest = read(frame(number, bytes(template.layouts[0].size), rest))
    for layout in template.layouts:
        older = read(frame(number, bytes(layout.size), rest, version=0))
        assert older.keys() == newest.keys()
        assert all(older[name] is None for name in layout.absent if name in older)
    with pytest.raises(ParseError, match=f"SBE template {number}: a block of"):
        decode(frame(number, bytes(template.layouts[-1].size - 1), rest))


def test_null_values_are_none() -> None:
    """A side of the book that is empty has neither price nor size."""
    assert read(bbo(pack("<4q", NULL, NULL, 1, -1))) == {
        "timestamp": 1_790_000_000_123,
        "seq_no": 7,
        "bid_price": None,
        "bid_size": None,
        "ask_price": "0.00000001",
        "ask_size": "-0.00000001",
        "market": "BTC-USD-PERP",
    }


@pytest.mark.parametrize("value", [0, 3, 254, 255])
def test_an_enum_value_without_a_name_is_none(value: int) -> None:
    """NON_REPRESENTABLE and those of a schema to come."""
    assert read(trade(side=value))["side"] is None
    assert read(book(bytes(8), package=value or 2))["pkg_type"] is None


def test_a_venue_and_an_asset_kind_without_a_name_are_unspecified() -> None:
    """The schema: decoders must map unrecognised values to UNSPECIFIED."""
    data = read(comparison(kind=200, source=200))
    assert (data["asset_kind"], data["source"]) == ("ASSET_KIND_UNSPECIFIED", "SOURCE_UNSPECIFIED")
    data = read(comparison(kind=1, source=8))
    assert (data["asset_kind"], data["source"]) == ("ASSET_KIND_PERPETUAL_FUTURE", "SOURCE_LIGHTER")


def test_hourly_rates_have_twelve_decimals() -> None:
    """Eight would cut a rate of 1e-12 to nothing."""
    channel, data = decode(comparison(1, 1))
    assert channel == "funding_rate_comparison"
    assert data is not None
    assert data["hourly_funding_rate"] == "0.000000000001"


def test_levels_longer_than_known_are_skipped_through() -> None:
    """By the length in the group's header."""
    level = pack("<2q", 10**8, 0) + b"newer"
    data = read(book(pack("<2H", len(level), 2) + level * 2 + pack("<2H", 0, 0)))
    assert data["bids"] == [["1.00000000", "0.00000000"]] * 2
    assert data["asks"] == []


@pytest.mark.parametrize(
    "groups",
    [
        pytest.param(pack("<2H", 15, 1) + bytes(15) + bytes(4), id="a level without its size"),
        pytest.param(pack("<2H", 0, 65_535) + bytes(4), id="levels of no bytes"),
        pytest.param(pack("<2H", 16, 65_535) + bytes(64), id="more levels than bytes"),
        pytest.param(pack("<2H2q", 16, 1, NULL, 0) + bytes(4), id="a level without a price"),
    ],
)
def test_levels_that_cannot_be_read_are_refused(groups: bytes) -> None:
    """A book with a level missing is no book."""
    with pytest.raises(ParseError, match="SBE template 3"):
        decode(book(groups))


def test_a_trade_shows_its_whole_id_since_version_2() -> None:
    """The number is cut to 64 bits; the text may be absent in version 2 as well."""
    identified = MARKET + b"\x0517183"
    assert read(trade(rest=identified))["trade_id_str"] == "17183"
    assert read(trade())["trade_id_str"] is None
    assert read(trade(rest=identified, version=1))["trade_id_str"] is None


def test_a_request_is_gathered_from_its_fields() -> None:
    """As over JSON; both enums unspecified stand for an order without one."""
    assert read(order())["request_info"] is None
    assert read(order(request=b"", version=1))["request_info"] is None
    assert read(order(request=b"\3\1", texts=b"\2r1\3bad"))["request_info"] == {
        "id": "r1",
        "message": "bad",
        "request_type": "MODIFY_ORDER",
        "status": "REJECTED",
    }
    assert read(order(request=b"\xfe\xfe"))["request_info"] == {
        "id": "",
        "message": "",
        "request_type": None,
        "status": None,
    }


def test_flags_are_named_and_unknown_bits_passed_over() -> None:
    """In the order of their bits."""
    assert read(order(flags=0b1110_0001))["flags"] == ["REDUCE_ONLY", "MMP"]


def test_an_account_is_its_address_without_padding() -> None:
    """As text in JSON shows it."""
    assert read(order())["account"] == "0x102"


@pytest.mark.parametrize(
    ("side", "size", "shown"),
    [
        (1, 150_000_000, ("LONG", "1.50000000")),
        (2, 150_000_000, ("SHORT", "-1.50000000")),
        (2, 0, ("SHORT", "0.00000000")),
        (254, 150_000_000, (None, "1.50000000")),
    ],
)
def test_a_short_position_has_a_negative_size(side: int, size: int, shown: tuple[str | None, str]) -> None:
    """As over JSON and REST; the wire carries it without sign."""
    channel, data = decode(position(side, size))
    assert channel == "positions"
    assert data is not None
    assert (data["side"], data["size"]) == shown


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        pytest.param(b"", "0 bytes, shorter than its header", id="nothing"),
        pytest.param(b"\0" * 7, "7 bytes, shorter than its header", id="half a header"),
        pytest.param(bbo(schema=2), "of schema 2, expected 1", id="another schema"),
        pytest.param(bbo()[:50], "a block of 48 bytes in a frame of 50", id="half a block"),
        pytest.param(frame(40, bytes(16), b"")[:20], "a block of 16 bytes", id="half a heartbeat"),
        pytest.param(bbo(rest=b""), "SBE template 2: cut off", id="no market"),
        pytest.param(bbo(rest=b"\x0cBTC"), "a text up to byte 69 in a frame of 60", id="half a market"),
        pytest.param(bbo(rest=b"\2\xff\xff"), "not text", id="no text"),
        pytest.param(trade(rest=MARKET + b"\x05171"), "a text up to byte", id="half an appended text"),
        pytest.param(book(b"")[:98], "SBE template 3: cut off", id="half a group"),
    ],
)
def test_a_frame_that_cannot_be_read_is_refused_by_name(raw: bytes, reason: str) -> None:
    """In one line."""
    with pytest.raises(ParseError, match=reason) as caught:
        decode(raw)
    assert "\n" not in str(caught.value)
