"""The headers of a message in a log: one JSON object, whose writers and readers stand here side by side.

They are written for every message, so by hand; what a caller puts into them is escaped when it comes in, and from
there on handed around as it stands in the headers.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from remit.log.record import Record

LATER = ',"later":true'
"""The header of a command that was sent for later: it is meant for the context that its name begins with."""
_NEWER = ',"newer":{'
_WISH = ',"wish":"'
_MOMENT = ',"moment":'


class _Headers(msgspec.Struct):
    trace: msgspec.Raw = msgspec.Raw(b"")
    later: bool = False
    newer: dict[int, msgspec.Raw] = {}
    by: str = ""
    wish: str = ""
    headers: dict[str, str] = {}
    moment: float = 0.0


_headers = msgspec.json.Decoder(_Headers)


def escaped(text: str) -> str:
    """A text as it stands in headers, without the quotes around it."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return msgspec.json.encode(text)[1:-1].decode()


def is_escaped(text: str) -> bool:
    """Whether a text may stand in headers as it is."""
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
    """The headers of a message. What it comes of, and what it all began with, are `escaped`; `more` are further
    headers, each with a comma before it."""
    return f'{{"cause":"{cause}","trace":"{trace}"{more}}}'


def trace_of(record: Record) -> str:
    """What a message belongs to, `escaped`; the identity of one that does not say it."""
    trace = str(_headers.decode(record.headers).trace, "utf-8")
    return trace[1:-1] if trace.startswith('"') else record.id


def origin_of(record: Record) -> str:
    """What a message belongs to, as its caller wrote it."""
    return _plain(trace_of(record))


def is_command(record: Record) -> bool:
    """Whether it is a command that was sent for later."""
    return _headers.decode(record.headers).later


def write_wish(by: str, key: str) -> str:
    """The header of a command that has an identity: under which key it is applied once, and who has given it, both
    `escaped`."""
    return f'{LATER},"by":"{by}"{_WISH}{key}"'


def wish_of(record: Record) -> tuple[str, str] | None:
    """Who has given a command sent for later a key, and the key; None where it has none."""
    if _WISH not in record.headers:
        return None
    headers = _headers.decode(record.headers)
    return (headers.by, headers.wish) if headers.wish else None


def with_moment(headers: str, seconds: float) -> str:
    """Headers of a message with the time of the unit of work that records it, in seconds since the epoch."""
    return f"{headers[:-1]}{_MOMENT}{seconds!r}}}"


def moment_of(record: Record) -> float:
    """The time of the unit of work that recorded a message, in seconds since the epoch; when it was written to the log,
    where its headers do not say the other."""
    if _MOMENT not in record.headers:
        return record.at
    return _headers.decode(record.headers).moment or record.at


def write_carried(headers: Mapping[str, str]) -> str:
    """The header that carries those of the request that the message comes of."""
    return f',"headers":{msgspec.json.encode(dict(headers)).decode()}'


def carried_by(record: Record) -> Mapping[str, str]:
    """The headers of the request that a message comes of."""
    return _headers.decode(record.headers).headers


def write_newer(payloads: Mapping[int, bytes]) -> str:
    """The header that carries the newer versions of a message, whose own payload is the oldest one."""
    return _NEWER + ",".join(f'"{version}":{payload.decode()}' for version, payload in payloads.items()) + "}"


def has_newer(record: Record) -> bool:
    """Whether newer versions were published beside the message's own."""
    return _NEWER in record.headers


def forms_of(record: Record) -> Mapping[int, bytes]:
    """The payloads of a message by version: its own, and the newer ones."""
    newer = _headers.decode(record.headers).newer
    return {record.version: record.payload, **{version: bytes(payload) for version, payload in newer.items()}}
