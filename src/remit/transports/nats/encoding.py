"""Converts log messages to NATS messages and back: CloudEvents 1.0 in binary mode, with additional `remit-` headers."""

from __future__ import annotations

import re
import time
from calendar import timegm
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote, unquote

import msgspec

from remit.errors import BadMessage
from remit.log import MessageRecord

CODECS = {"json": "application/json", "msgpack": "application/msgpack"}
"""The content type of each codec."""
OMITTED = "remit-payload"
"""The header of a message without its payload, because it is too large."""

NARROW = 1000
"""Header texts with fewer characters in total need no exact count."""

_SAFE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '%"')
"""Characters that are not percent-encoded in the value of a CloudEvents header."""
_plain = re.compile("[!#-$&-~]*").fullmatch
"""Matches a text that needs no encoding."""


def write_payload(payload: bytes, codec: str) -> tuple[str, bytes]:
    """The content type and the bytes of a payload, which is JSON in the log. What the codec cannot express stays
    JSON."""
    if codec == "msgpack":
        try:
            return CODECS["msgpack"], msgspec.msgpack.encode(msgspec.json.decode(payload))
        except (msgspec.MsgspecError, OverflowError):
            pass
    return CODECS["json"], payload


def write_headers(record: MessageRecord, source: str, content: str, most_bytes: int) -> dict[str, str]:
    """The headers of a message, in at most `most_bytes`.

    Without a content type the payload is left out (`OMITTED`), and the message's own headers too. The same if they are
    too large; then the key may be left out as well: the listener reads such a message from the log.
    """
    headers = _headers(record, source, content)
    if not _is_narrow(record) and _size_of(headers) > most_bytes:
        headers = _headers(record, source, "")
        if _size_of(headers) > most_bytes:
            headers["ce-partitionkey"] = ""
    return headers


def _is_narrow(record: MessageRecord) -> bool:
    """Whether the headers are far below the limit: a character takes at most 12 bytes, percent-encoded."""
    return len(record.key) + len(record.headers) + len(record.id) + len(record.prev) + len(record.type) < NARROW


def _size_of(headers: Mapping[str, str]) -> int:
    return sum(len(name) + len(value) + len(": \r\n") for name, value in headers.items())


def _headers(record: MessageRecord, source: str, content: str) -> dict[str, str]:
    headers = {
        "ce-specversion": "1.0",
        "ce-id": _encode(record.id),
        "ce-source": source,
        "ce-type": _encode(record.type),
        "ce-time": _write_time(record.at),
        "ce-partitionkey": _encode(record.key),
        "remit-part": str(record.part),
        "remit-pos": str(record.pos),
        "remit-prev": _encode(record.prev),
        "remit-version": str(record.version),
    }
    if content:
        headers["content-type"] = content
        headers["remit-headers"] = _encode_json(record.headers)
    else:
        headers[OMITTED] = "omitted"
    return headers


def read_record(headers: Mapping[str, str], payload: bytes) -> MessageRecord:
    """Decodes a message. Raises `BadMessage` if it was not written by `write_headers`."""
    try:
        if headers.get("content-type") == CODECS["msgpack"]:
            payload = msgspec.json.encode(msgspec.msgpack.decode(payload))
        return MessageRecord(
            int(headers["remit-part"]),
            int(headers["remit-pos"]),
            unquote(headers["ce-id"], errors="strict"),
            unquote(headers["remit-prev"], errors="strict"),
            unquote(headers["ce-partitionkey"], errors="strict"),
            unquote(headers["ce-type"], errors="strict"),
            int(headers["remit-version"]),
            _read_time(headers["ce-time"]),
            unquote(headers.get("remit-headers", "{}"), errors="strict"),
            payload,
        )
    except KeyError as error:
        raise _foreign(f"the header {error.args[0]} is missing") from None
    except (ValueError, msgspec.MsgspecError) as error:
        raise _foreign(f"{error}") from error


def read_place(headers: Mapping[str, str]) -> tuple[int, str]:
    """Position and identity of a message. Raises `BadMessage` if it was not written by `write_headers`."""
    try:
        return int(headers["remit-pos"]), unquote(headers["ce-id"], errors="strict")
    except (KeyError, ValueError) as error:
        raise _foreign(f"no position or identity: {error}") from error


def _foreign(what: str) -> BadMessage:
    return BadMessage(
        what, where="the headers of a message of a stream", expected="a message published by remit",
        next="find what else publishes to the subjects of remit; the followers read the log instead",
    )  # fmt: skip


def _encode(text: str) -> str:
    return text if _plain(text) else quote(text, safe=_SAFE)


def _encode_json(text: str) -> str:
    """For headers that are no CloudEvents attribute: quotes and spaces need no encoding."""
    return text if text.isascii() and text.isprintable() and "%" not in text else quote(text, safe=f'{_SAFE} "')


def _write_time(at: float) -> str:
    """RFC 3339 with nanoseconds: enough digits to restore the same float."""
    whole, _, fraction = f"{at:.9f}".partition(".")
    return f"{_write_second(int(whole))}.{fraction}Z"


def _read_time(text: str) -> float:
    second, _, fraction = text.removesuffix("Z").partition(".")
    return float(f"{_read_second(second)}.{fraction or 0}")


@lru_cache(256)
def _write_second(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


@lru_cache(256)
def _read_second(text: str) -> int:
    return timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%S"))
