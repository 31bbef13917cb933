"""The headers of a message in a log, one JSON object: how they are written and read.

They are written for every message, and therefore by hand. A caller's text is escaped once, where it comes in; after
that it is passed on in its escaped form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from remit.log.record import MessageRecord

LATER = ',"later":true'
"""The header of a command that was sent for later; the first part of its type is the context it is for."""
_NEWER = ',"newer":{'
_WISH = ',"wish":"'
_MOMENT = ',"moment":'
_STREAM = ',"stream":"'


class StreamPlace(NamedTuple):
    """The place of a message in the stream of an event-sourced aggregate."""

    stream: str
    life: int
    """0 for the first life of the aggregate. An identity that is added again after a removal begins another one."""
    seq: int
    """The number in this life, from 1 on without gaps."""


class _Headers(msgspec.Struct):
    trace: msgspec.Raw = msgspec.Raw(b"")
    later: bool = False
    newer: dict[int, msgspec.Raw] = {}
    by: str = ""
    wish: str = ""
    headers: dict[str, str] = {}
    moment: float = 0.0
    stream: str = ""
    life: int = 0
    seq: int = 0


_headers = msgspec.json.Decoder(_Headers)


def escaped(text: str) -> str:
    """Escapes a text for the headers, without quotes around it."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return msgspec.json.encode(text)[1:-1].decode()


def is_escaped(text: str) -> bool:
    """Whether a text is valid in headers as it is."""
    if text.isalnum():
        return True
    try:
        _plain(text)
    except msgspec.DecodeError:
        return False
    return True


def _plain(text: str) -> str:
    return text if "\\" not in text and text.isprintable() and '"' not in text else _texts.decode(f'"{text}"')


_texts = msgspec.json.Decoder(str)


def write_headers(cause: str, trace: str, more: str = "") -> str:
    """The headers of a message. `cause` and `trace` are `escaped`. `more` is further headers as JSON text, each with a
    comma before it."""
    return f'{{"cause":"{cause}","trace":"{trace}"{more}}}'


def trace_of(record: MessageRecord) -> str:
    """The trace of a message, `escaped`; its identity if it has none."""
    trace = str(_headers.decode(record.headers).trace, "utf-8")
    return trace[1:-1] if trace.startswith('"') else record.id


def origin_of(record: MessageRecord) -> str:
    """The trace of a message as its caller wrote it."""
    return _plain(trace_of(record))


def is_command(record: MessageRecord) -> bool:
    """Whether it is a command that was sent for later."""
    return _headers.decode(record.headers).later


def write_wish(by: str, key: str) -> str:
    """The headers of a command with an identity: the key under which it is applied once, and the key's owner. Both are
    `escaped`."""
    return f'{LATER},"by":"{by}"{_WISH}{key}"'


def wish_of(record: MessageRecord) -> tuple[str, str] | None:
    """Owner and key of a command that was sent for later; None if it has no key."""
    if _WISH not in record.headers:
        return None
    headers = _headers.decode(record.headers)
    return (headers.by, headers.wish) if headers.wish else None


def with_moment(headers: str, seconds: float) -> str:
    """Adds the time of the unit of work that records the message to its headers, in seconds since the epoch."""
    return f"{headers[:-1]}{_MOMENT}{seconds!r}}}"


def moment_of(record: MessageRecord) -> float:
    """The time of the unit of work that recorded a message, in seconds since the epoch. If its headers do not have it,
    the time at which the message was written to the log."""
    if _MOMENT not in record.headers:
        return record.at
    return _headers.decode(record.headers).moment or record.at


def write_carried(headers: Mapping[str, str]) -> str:
    """The header that carries the headers of the original request."""
    return f',"headers":{msgspec.json.encode(dict(headers)).decode()}'


def carried_by(record: MessageRecord) -> Mapping[str, str]:
    """The headers of the request that a message follows from."""
    return _headers.decode(record.headers).headers


def write_place(stream: str, life: int, seq: int) -> str:
    """The header of a message in a stream. `stream` is `escaped`."""
    lived = f',"life":{life}' if life else ""
    return f'{_STREAM}{stream}"{lived},"seq":{seq}'


def place_of(record: MessageRecord) -> StreamPlace | None:
    """The place of a message in a stream; None if it is in none."""
    return place_in(record.headers)


def place_in(headers: str) -> StreamPlace | None:
    """`place_of`, from the headers alone."""
    if _STREAM not in headers:
        return None
    found = _headers.decode(headers)
    return StreamPlace(found.stream, found.life, found.seq) if found.stream else None


def write_newer(payloads: Mapping[int, bytes]) -> str:
    """The header with the newer versions of a message, whose own payload is the oldest version."""
    return _NEWER + ",".join(f'"{version}":{payload.decode()}' for version, payload in payloads.items()) + "}"


def has_newer(record: MessageRecord) -> bool:
    """Whether the message carries newer versions."""
    return _NEWER in record.headers


def forms_of(record: MessageRecord) -> Mapping[int, bytes]:
    """The payloads of a message by version, including its own."""
    newer = _headers.decode(record.headers).newer
    return {record.version: record.payload, **{version: bytes(payload) for version, payload in newer.items()}}
