"""How parked keys and their letters are shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Self

import msgspec
from rich.table import Table

from remit.cli.screen import cell
from remit.errors import visible
from remit.runtime.failures import NEVER
from remit.stores import Letter, Parked

__all__ = ["KeyReport", "LetterReport", "as_json", "as_table", "as_text"]


class LetterReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """One letter. `payload` is left out unless asked for: it is somebody's data."""

    id: str
    type: str
    version: int
    at: float
    headers: Any
    payload: Any = msgspec.UNSET

    @classmethod
    def of(cls, letter: Letter, *, payload: bool) -> Self:
        record = letter.record
        shown = _readable(record.payload) if payload else msgspec.UNSET
        return cls(record.id, record.type, record.version, record.at, _readable(record.headers.encode()), shown)


class KeyReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """A parked key. Times are seconds since the epoch."""

    subscription: str
    source: str
    channel: str
    key: str
    since: float
    attempts: int
    retry_at: float
    error: str
    waiting: int
    letters: list[LetterReport] = []

    @classmethod
    def of(cls, row: Parked, letters: Sequence[LetterReport] = ()) -> Self:
        name, source, channel = row.subscription
        return cls(
            name, source, channel.called, row.key, row.since, row.attempts, row.retry_at, row.error,
            waiting=row.letters, letters=list(letters),
        )  # fmt: skip


def as_json(reports: Sequence[KeyReport]) -> str:
    """One line of JSON."""
    return msgspec.json.encode(reports).decode()


def as_table(rows: Sequence[Parked]) -> Table:
    """Parked keys, one a line."""
    table = Table("SUBSCRIPTION", "FROM", "KEY", "SINCE", "ATTEMPTS", "NEXT TRY", "WAITING", box=None, pad_edge=False)
    table.add_column("ERROR", overflow="fold")
    for row in rows:
        name, source, _ = row.subscription
        table.add_row(
            cell(name), cell(source), cell(row.key), _time(row.since), str(row.attempts),
            _time(row.retry_at), str(row.letters), cell(row.error),
        )  # fmt: skip
    return table


def as_text(report: KeyReport) -> str:
    """A parked key and its letters, in full."""
    lines = [
        visible(f"{report.subscription}, from {report.source}, key {report.key!r}"),
        f"  parked since {_time(report.since)}, attempts {report.attempts}, next try {_time(report.retry_at)}",
        f"  {visible(report.error)}",
        f"  {report.waiting} waiting, first to last:",
    ]
    for letter in report.letters:
        lines.append(visible(f"    {letter.type} version {letter.version}, {_time(letter.at)}, id {letter.id}"))
        lines.append(f"      headers {_text(letter.headers)}")
        if letter.payload is not msgspec.UNSET:
            lines.append(f"      payload {_text(letter.payload)}")
    if len(report.letters) < report.waiting:
        lines.append(f"    and {report.waiting - len(report.letters)} more")
    return "\n".join(lines)


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _time(seconds: float) -> str:
    """Universal time; 0 stands for what is due already, and the end of time for what waits for a person."""
    if seconds >= NEVER:
        return "when you retry it"
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%SZ}" if seconds else "now"


def _readable(data: bytes) -> Any:
    """What the bytes hold as JSON, or as text where they are none: such a message may be the very reason."""
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        return data.decode(errors="replace")
