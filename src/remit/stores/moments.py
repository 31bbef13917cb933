"""SQLite's functions of date and time for handlers' statements: "now" is a given moment instead of the current time."""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Callable
from datetime import UTC, datetime

_FIRST_TIME = {"date": 0, "time": 0, "datetime": 0, "julianday": 0, "unixepoch": 0, "strftime": 1}
"""The functions that take a time and any number of modifiers, with the place of the time among the arguments."""
_CURRENT = {"current_date": "date", "current_time": "time", "current_timestamp": "datetime"}
_BRIEFLY = frozenset({"subsec", "subsecond"})
"""Modifiers that may stand in the place of the time, which is then the current one."""
_KNOWN = "SELECT DISTINCT name FROM pragma_function_list"
Value = str | bytes | int | float | None


class Moments:
    """Functions of a connection that replace those of SQLite. The functions of another connection compute the values,
    which takes about 3 µs per call."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._now = ""
        self._plain = plain = sqlite3.connect(":memory:", check_same_thread=False)
        weakref.finalize(self, plain.close)
        known = {name for (name,) in plain.execute(_KNOWN)}
        for name, place in _FIRST_TIME.items():
            if name in known:
                connection.create_function(name, -1, self._function(name, place), deterministic=True)
        for name, function in _CURRENT.items():
            connection.create_function(name, 0, self._function(function, 0))
        if "timediff" in known:
            connection.create_function("timediff", 2, self._difference, deterministic=True)

    def stand_still(self, at: float) -> None:
        """The functions take this moment for the current time. `at` is in seconds since 1970."""
        self._now = f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3] + "Z"

    def size_of(self, value: object) -> int:
        """A number of bytes as SQLite reads it. Raises `sqlite3.DataError` if it exceeds what SQLite can hold."""
        (row,) = self._plain.execute("SELECT length(zeroblob(?))", (value,))
        size: int = row[0]
        return size

    def _function(self, name: str, place: int) -> Callable[..., Value]:
        def function(*values: object) -> Value:
            given = values[place] if len(values) > place else None
            said = given.lower() if isinstance(given, str) else None
            if len(values) == place or said == "now":
                values = (*values[:place], self._now, *values[place + 1 :])
            elif said in _BRIEFLY:
                values = (*values[:place], self._now, *values[place:])
            return self._plain_value(name, values)

        return function

    def _difference(self, *times: object) -> Value:
        given = (self._now if isinstance(time, str) and time.lower() == "now" else time for time in times)
        return self._plain_value("timediff", tuple(given))

    def _plain_value(self, name: str, values: tuple[object, ...]) -> Value:
        (row,) = self._plain.execute(f"SELECT {name}({', '.join('?' * len(values))})", values)
        value: Value = row[0]
        return value
