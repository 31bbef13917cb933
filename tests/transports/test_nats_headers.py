"""Headers of NATS messages are read by a way of our own, which must not say anything else than the library's."""

from __future__ import annotations

import pytest
from nats.aio.client import Client

from remit.log import MessageRecord
from remit.transports.nats.connection import _Client
from remit.transports.nats.encoding import read_record, write_headers

RECORD = MessageRecord(3, 17, "m-ü 1", "m 0", "Zoë: 50 % \t", "sales.Placed", 2, 1.5, '{"trace":"ä: b"}', b"{}")


def block(headers: dict[str, str]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode() + b"\r\n"


def test_headers_of_events_come_back_as_they_were_written() -> None:
    headers = write_headers(RECORD, "/shop/sales", "application/json", 10_000)
    assert _Client._parse_header_lines(block(headers)) == headers
    assert read_record(_Client._parse_header_lines(block(headers)), b"{}") == RECORD


@pytest.mark.parametrize("text", ["k" * 20_000, "é" * 3000, "\U0001f600" * 1300])
def test_headers_take_no_more_than_they_may(text: str) -> None:
    """First its own headers and its payload stay behind, then the key: who hears of it reads it from the log."""
    whole = write_headers(RECORD._replace(headers=text), "/shop/sales", "application/json", 10_000)
    assert (whole["remit-payload"], whole["ce-partitionkey"]) == ("omitted", "Zo%C3%AB:%2050%20%25%20%09")
    without = write_headers(RECORD._replace(key=text), "/shop/sales", "application/json", 10_000)
    for headers in (whole, without):
        assert len(block(headers)) <= 10_000
    assert read_record(without, b"") == RECORD._replace(key="", headers="{}", payload=b"")


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"\r\n", b"a: 1\r\n\r\n", b"a:1\r\nb:\t2 \r\n", b"a: 1\r\na: 2\r\n", b"a:\r\n", b"no colon\r\na: b: c\r\n",
        "a: ü\u00a0\r\n".encode(), b"a: \xe2\x82\r\nb: \xff\r\n",
    ],
)  # fmt: skip
def test_others_headers_are_read_as_the_library_reads_them(raw: bytes) -> None:
    assert _Client._parse_header_lines(raw) == Client._parse_header_lines(raw)


def test_the_library_still_asks_for_it() -> None:
    """If it does not, nothing is wrong but the speed: see how it reads headers now."""
    assert "_parse_header_lines" in vars(Client)
