"""Files of stores: one with something in it, and one of the first release."""

import sqlite3
from pathlib import Path

from remit.log import Channel
from remit.stores import Change, Entry, Unit
from remit.stores.sqlite import schema
from remit.stores.sqlite.store import SqliteStore


async def made(path: Path, *, units: int = 1) -> None:
    """A store with something in it."""
    store = SqliteStore(path, "billing")
    await store.open()
    for number in range(units):
        entry = Entry(Channel.PRIVATE, "k", f"m{number}", "billing.Settled", 1, 1.0, "{}", b'"%s"' % (b"x" * 3000))
        await store.commit(Unit([Change("Account", f"a{number}", 0, b'{"n":1}')], [entry]))
    await store.close()


def older(path: Path) -> None:
    """A store as the first release made it, with one account."""
    script = (Path(schema.__file__).parent / "migrations" / "0001_log_checkpoint_state.sql").read_text()
    with sqlite3.connect(path) as database:
        database.executescript(script)
        database.execute("INSERT INTO meta VALUES ('context', 'billing'), ('partitions', '16')")
        database.execute("INSERT INTO state VALUES ('Account', 'a0', 1, '{\"n\":1}')")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(f"PRAGMA application_id = {0x726D6974}")
        database.execute("PRAGMA user_version = 1")
    database.close()
