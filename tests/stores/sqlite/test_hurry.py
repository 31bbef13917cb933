"""What follows from the log of its own store is confirmed before it is on the disk; all else is not."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from remit.log import Channel
from remit.stores import Change, Entry, Unit
from remit.stores.sqlite.schema import connect, prepare
from remit.stores.sqlite.writer import _MANY, Writer


class Never:
    """The file is never replaced."""

    def look(self) -> None: ...


def opened(path: Path) -> tuple[Writer, sqlite3.Connection]:
    connection = connect(path)
    prepare(connection, path, "shop", 1)
    return Writer(connection, str(path), 1, Never()), connection  # type: ignore[arg-type]  # all that it asks for


def folded(number: int) -> Unit:
    return Unit([Change("shop.Order", f"o{number}", 0, b"{}")], repeatable=True)


def waits(connection: sqlite3.Connection) -> bool:
    """Whether a commit now would wait for the disk."""
    return bool(connection.execute("PRAGMA synchronous").fetchone() == (2,))


def test_a_batch_of_repeatable_units_does_not_wait_and_any_other_one_does(tmp_path: Path) -> None:
    writer, connection = opened(tmp_path / "shop.db")
    assert waits(connection)
    writer.write([folded(1), folded(2)])
    assert not waits(connection)
    writer.write([folded(3), Unit(entries=[Entry(Channel.PRIVATE, "k", "m1", "shop.Paid", 1, 0.0, "{}", b"{}")])])
    assert waits(connection), "one unit of the batch is a command's"
    writer.write([folded(4)])
    writer.execute("DELETE FROM heartbeat WHERE at < ?", (0.0,))
    assert waits(connection)
    writer.close()


def test_after_many_transactions_one_waits(tmp_path: Path) -> None:
    writer, connection = opened(tmp_path / "shop.db")
    waited = 0
    for number in range(2 * _MANY + 2):
        writer.write([folded(number)])
        waited += waits(connection)
    assert waited == 2
    writer.close()


def test_a_conflict_among_repeatable_units_is_told(tmp_path: Path) -> None:
    writer, _ = opened(tmp_path / "shop.db")
    assert writer.write([folded(1)]) == [None]
    (first, second) = writer.write([folded(1), folded(2)])
    assert first is not None
    assert second is None
    writer.close()
