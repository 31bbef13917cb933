"""Reads the stores of a system as plain files with `sqlite3`, without the runtime or its stores."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Files", "LogRow"]

_LOG = "SELECT channel, part, pos, id, prev, key, type, headers FROM log ORDER BY channel, part, pos"
_FLOORS = "SELECT channel, part, pos, id FROM floor"
# What a projection has missed is stored as a checkpoint, too.
_CHECKPOINTS = (
    "SELECT subscription, source, channel, part, pos, id FROM checkpoint WHERE subscription NOT LIKE '% missed'"
)


class LogRow(NamedTuple):
    """A message of a log, with the columns that judges need."""

    channel: int
    part: int
    pos: int
    id: str
    prev: str
    key: str
    type: str
    headers: str

    @property
    def cause(self) -> str:
        """Its cause: `<id of the message>.<subscription>` if a subscription has written it."""
        return str(json.loads(self.headers)["cause"])


class Files:
    """The stores of these contexts, read only."""

    def __init__(self, folder: Path, contexts: Sequence[str]) -> None:
        self.contexts = contexts
        self._folder = folder

    def rows(self, context: str, sql: str, *values: str | int) -> list[Any]:
        with closing(sqlite3.connect(f"file:{self._folder / context}.db?mode=ro", uri=True)) as connection:
            return connection.execute(sql, values).fetchall()

    def state(self, kind: str) -> dict[str, Any]:
        """The stored state of an aggregate or a projection (`<context>.<class>`), by identity."""
        rows = self.rows(kind.partition(".")[0], "SELECT id, body FROM state WHERE kind = ?", kind)
        return {id: json.loads(body) for id, body in rows}

    def live(self, model: str) -> int:
        """Which version of a read model (`<context>.<class>`) is live."""
        asked = "SELECT body FROM state WHERE kind = ' read models' AND id = ?"
        return int(
            next((json.loads(body).get("live", 1) for (body,) in self.rows(model.partition(".")[0], asked, model)), 1)
        )

    def named(self, version: str) -> str | None:
        """The name of a read model, by that of its live version, or of anything else. None for another version."""
        model, _, number = version.partition("@")
        if model.partition(".")[0] not in self.contexts or self.live(model) == int(number or 1):
            return model
        return None

    def log(self, context: str) -> list[LogRow]:
        """All messages that have not been deleted, in order."""
        return [LogRow(*row) for row in self.rows(context, _LOG)]

    def floors(self, context: str) -> list[tuple[int, int, int, str]]:
        """The last deleted message of each partition: channel, partition, position, identity."""
        return self.rows(context, _FLOORS)

    def deleted(self) -> int:
        """The number of messages deleted from all logs."""
        return sum(pos for context in self.contexts for _, _, pos, _ in self.floors(context))

    def checkpoints(self) -> list[tuple[str, str, int, int, int, str]]:
        """The checkpoints of all contexts: subscription, source, channel, partition, position, identity. Of a read
        model: those of its live version."""
        rows = [row for context in self.contexts for row in self.rows(context, _CHECKPOINTS)]
        return [(name, *row[1:]) for row in rows if (name := self.named(row[0])) is not None]
