"""The envelope: a message as it stands in a log, and as it travels from there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

__all__ = ["LATER", "Record", "forms_of", "has_newer", "is_command", "wish_of", "write_newer", "write_wish"]


class Record(NamedTuple):
    """A message in a log: dense position in its partition, and the id of its predecessor there ("" for the first)."""

    part: int
    pos: int
    id: str
    prev: str
    key: str
    type: str
    version: int
    at: float
    """Seconds since the epoch."""
    headers: str
    """JSON object."""
    payload: bytes


# ── headers ─────────────────────────────────────────────────────────────────────────────────────────────────────────

LATER = ',"later":true'
"""The header of a command that was sent for later: it is meant for the context that its name begins with."""
_NEWER = ',"newer":{'


class _Headers(msgspec.Struct):
    later: bool = False
    newer: dict[int, msgspec.Raw] = {}
    by: str = ""
    wish: str = ""


_headers = msgspec.json.Decoder(_Headers)


def is_command(record: Record) -> bool:
    """Whether it is a command that was sent for later."""
    return _headers.decode(record.headers).later


def write_wish(by: str, key: str) -> str:
    """The header of a command that has an identity: under which key it is applied once, and who has given it."""
    return f'{LATER},"by":"{by}","wish":"{key}"'


def wish_of(record: Record) -> tuple[str, str] | None:
    """Who has given a command sent for later a key, and the key; None where it has none."""
    if '"wish":"' not in record.headers:
        return None
    headers = _headers.decode(record.headers)
    return headers.by, headers.wish


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
