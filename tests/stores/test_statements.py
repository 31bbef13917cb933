"""The embedded stores take statements of users', as every store does that says so."""

import asyncio
import itertools
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from remit.errors import Conflict, ConstraintViolated, SqlError, StoreUnavailable
from remit.stores import Change, SqlStore, Unit, replay
from remit.stores.memory.store import MemoryStore
from remit.stores.replay import TABLES
from remit.stores.sql import Transaction
from remit.stores.sql_ends import ended_by_user
from remit.stores.sqlite import users
from remit.stores.sqlite.store import SqliteStore
from remit.testing.conformance import SqlConformance
from remit.testing.conformance.stores import entry, whole_log


class TestMemoryStore(SqlConformance):
    """In memory."""

    @pytest.fixture
    async def store(self) -> AsyncIterator[SqlStore]:
        store = MemoryStore()
        await store.open()
        yield store
        await store.close()


class TestSqliteStore(SqlConformance):
    """In a file."""

    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[SqlStore]:
        store = SqliteStore(tmp_path / "billing.db", "billing")
        await store.open()
        yield store
        await store.close()


# ── what statements may do ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqlStore]:
    """Of both kinds, with a table of a user's."""
    store: SqlStore = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "billing.db", "billing")
    await store.open()
    await written(store, "CREATE TABLE stock (name text PRIMARY KEY, pieces integer CHECK (pieces >= 0))")
    await written(store, "INSERT INTO stock VALUES ('tea', 10), ('milk', 5)")
    yield store
    await store.close()


async def written(store: SqlStore, statement: str, *values: object) -> int:
    """What a statement writes by itself."""
    transaction = store.begin()
    count = await transaction.execute(statement, *values)
    await transaction.commit(Unit())
    return count


async def rows(store: SqlStore, statement: str, *values: object) -> list[dict[str, object]]:
    """What a statement reads by itself."""
    transaction = store.begin()
    try:
        return await transaction.fetch(statement, *values)
    finally:
        await transaction.abandon()


FORBIDDEN = [
    "COMMIT", "BEGIN", "ROLLBACK", "END", "SAVEPOINT a", "RELEASE a", "PRAGMA journal_mode = DELETE",
    "PRAGMA writable_schema = 1", "ATTACH 'other.db' AS other", "DETACH main", "VACUUM", "VACUUM INTO 'copy.db'",
    "CREATE TEMP TABLE t (x)", "CREATE TEMP VIEW v AS SELECT 1", "SELECT load_extension('x')",
    "CREATE TEMP TRIGGER t AFTER INSERT ON stock BEGIN SELECT 1; END", "CREATE TABLE remit_mine (x)",
    "CREATE TABLE LOG (x)", "CREATE TABLE state AS SELECT 1", "CREATE VIEW meta AS SELECT 1",
    "SELECT 1; SELECT 2", "SELECT 1; COMMIT", "SELEC", "SELECT * FROM nothing",
    "CREATE VIRTUAL TABLE c USING csv(filename='/etc/passwd')", "SELECT ?", "SELECT :name", "SELECT $name",
    "DELETE FROM sqlite_master", "UPDATE sqlite_schema SET sql = ''",
    "ALTER TABLE stock RENAME TO remit_stock", "ALTER TABLE stock RENAME TO Checkpoint",
    "CREATE TABLE f (x REFERENCES state (version))", "CREATE TABLE f (x, FOREIGN KEY (x) REFERENCES LOG (pos))",
    "ALTER TABLE stock ADD COLUMN x REFERENCES state (version)",
    "CREATE TABLE temp.t (x)", "CREATE VIEW Temp.v AS SELECT 1", "CREATE VIRTUAL TABLE temp.f USING fts5(x)",
    "CREATE TRIGGER temp.t AFTER INSERT ON main.stock BEGIN SELECT 1; END",
    "SELECT count(*) FROM sqlite_stmt", "SELECT name FROM dbstat", "SELECT * FROM sqlite_dbpage",
    "SELECT name FROM pragma_table_info('stock')",
    "SELECT 1 UNION ALL SELECT name FROM pragma_table_info('stock')",
    "CREATE VIRTUAL TABLE f USING fts5(body, content='state')",
    "CREATE VIRTUAL TABLE f USING fts5(payload, content='Log', content_rowid='pos')",
]  # fmt: skip
FORBIDDEN_IN_A_FILE = [
    "SELECT * FROM log", "SELECT count(*) FROM state", "INSERT INTO state VALUES ('a', 'b', 1, 'c')",
    "UPDATE Checkpoint SET pos = 0", 'DELETE FROM "idempotency"', "DROP TABLE letter", "ALTER TABLE log RENAME TO l",
    "ALTER TABLE parked ADD COLUMN x", "CREATE INDEX i ON state (body)", "DROP INDEX parked_due",
    "SELECT * FROM main.meta", "CREATE TRIGGER t AFTER INSERT ON log BEGIN SELECT 1; END",
    "INSERT INTO stock SELECT id, 1 FROM log", "SELECT (SELECT max(pos) FROM log)",
    "WITH x AS (SELECT * FROM log) SELECT 1 FROM x",
]  # fmt: skip


async def test_statement_on_a_table_of_another_context_is_told_what_it_can_reach(store: SqlStore) -> None:
    transaction = store.begin()
    with pytest.raises(SqlError, match=r"no such table: billing\.orders") as told:
        await transaction.fetch("SELECT * FROM billing.orders")
    await transaction.abandon()
    assert told.value.expected == "a table of this context: its statements reach no table of another context"
    assert told.value.next == "correct the name, or ask the other context with one of its queries"


@pytest.mark.parametrize("statement", ["COMMIT", "rollback", "BEGIN", "/* ; */ END;", "Commit Transaction"])
async def test_statement_that_ends_the_transaction_is_told_as_on_postgresql(store: SqlStore, statement: str) -> None:
    transaction, word = store.begin(), next(filter(str.isalpha, statement.replace(";", "").split())).upper()
    with pytest.raises(SqlError) as told:
        await transaction.execute(statement)
    await transaction.abandon()
    expected = ended_by_user(word, told.value.where)
    assert (told.value.code, str(told.value), told.value.forbidden) == (expected.code, str(expected), True)


@pytest.mark.parametrize("statement", FORBIDDEN)
async def test_statement_that_is_not_for_handlers_is_refused(store: SqlStore, statement: str) -> None:
    for warm in ("SELECT 1", "UPDATE stock SET pieces = pieces"):  # before and after something is written
        transaction = store.begin()
        await transaction.fetch(warm)
        with pytest.raises(SqlError):
            await transaction.execute(statement)
        with pytest.raises(SqlError):
            await transaction.commit(Unit([Change("Account", "a", 0, b"1")]))
        await transaction.abandon()
    assert await store.load("Account", "a") is None
    assert await rows(store, "SELECT pieces FROM stock ORDER BY name") == [{"pieces": 5}, {"pieces": 10}]


@pytest.mark.parametrize("statement", FORBIDDEN_IN_A_FILE)
async def test_tables_of_the_store_are_neither_read_nor_written(tmp_path: Path, statement: str) -> None:
    store = SqliteStore(tmp_path / "billing.db", "billing")
    await store.open()
    await store.commit(Unit([Change("Account", "a", 0, b"1")], [entry("k", "m")]))
    await written(store, "CREATE TABLE stock (name text PRIMARY KEY, pieces integer)")
    for warm in ("SELECT 1", "UPDATE stock SET pieces = pieces"):
        transaction = store.begin()
        await transaction.fetch(warm)
        with pytest.raises(SqlError):
            await transaction.execute(statement)
        await transaction.abandon()
    assert len(await whole_log(store)) == 1
    await store.close()


NAMED_INSIDE = [
    "CREATE VIEW spy AS SELECT * FROM log",
    "CREATE VIEW IF NOT EXISTS spy AS SELECT 1 FROM stock, (SELECT id FROM Log)",
    "CREATE VIEW spy AS SELECT * FROM remit_of_a_later_release",
    "CREATE TRIGGER harm AFTER INSERT ON stock BEGIN DELETE FROM log; END",
    "CREATE TRIGGER harm AFTER UPDATE OF pieces ON stock BEGIN UPDATE state SET body = ''; END",
    "CREATE TRIGGER harm BEFORE DELETE ON stock WHEN (SELECT 1 FROM meta) BEGIN SELECT 1; END",
    "CREATE TRIGGER harm INSTEAD OF UPDATE ON shelf BEGIN INSERT INTO meta VALUES ('a', 'b'); END",
]  # fmt: skip
NAMED_BESIDE_WHAT_IS_MISSING = [
    "CREATE VIEW spy AS SELECT count(*) FROM absent, log",
    "CREATE VIEW spy AS SELECT absent FROM stock, log",
    "CREATE TRIGGER harm AFTER INSERT ON stock BEGIN INSERT INTO absent SELECT max(pos) FROM [Log]; END",
    'CREATE TRIGGER harm AFTER INSERT ON stock BEGIN DELETE FROM absent; DELETE FROM "remit_later"; END',
]  # fmt: skip


@pytest.mark.parametrize("statement", NAMED_INSIDE)
async def test_view_or_trigger_that_names_tables_of_remit_is_refused_where_it_is_made(
    store: SqlStore, statement: str
) -> None:
    await written(store, "CREATE VIEW shelf AS SELECT name, pieces FROM stock")
    with pytest.raises(SqlError, match="is a table of remit"):
        await written(store, statement)
    assert await rows(store, "SELECT name FROM sqlite_master WHERE name IN ('spy', 'harm')") == []


@pytest.mark.parametrize("statement", NAMED_BESIDE_WHAT_IS_MISSING)
async def test_view_or_trigger_that_may_name_tables_of_remit_is_refused_until_it_can_be_checked(
    store: SqlStore, statement: str
) -> None:
    with pytest.raises(SqlError, match=r"of a table of remit, .*: no such .*absent|is a table of remit"):
        await written(store, statement)
    assert await rows(store, "SELECT name FROM sqlite_master WHERE name IN ('spy', 'harm')") == []


async def test_each_of_several_triggers_of_one_table_is_checked(store: SqlStore) -> None:
    """SQLite keeps prepared statements, and does not look again at one that only explains."""
    for event in ("INSERT", "UPDATE", "DELETE"):
        await written(store, f"CREATE TRIGGER on_{event} AFTER {event} ON stock BEGIN SELECT 1; END")
    for name in ("harm", "harm_again"):
        with pytest.raises(SqlError, match="is a table of remit"):
            await written(store, f"CREATE TRIGGER {name} AFTER INSERT ON stock BEGIN DELETE FROM log; END")


async def test_views_and_triggers_on_own_tables_are_made_and_used(store: SqlStore) -> None:
    await written(store, "CREATE VIEW empty AS SELECT * FROM order_line")  # SQLite looks for the table when it is used
    await written(store, "CREATE TABLE moved (state text, log integer GENERATED ALWAYS AS (1) STORED)")
    await written(store, 'CREATE VIEW meta_of AS SELECT state, log AS lease, \'letter\' AS "a ""b" FROM moved')
    await written(store, "CREATE TRIGGER note AFTER INSERT ON stock BEGIN INSERT INTO moved VALUES (new.name); END")
    await written(store, "CREATE TRIGGER back INSTEAD OF DELETE ON meta_of BEGIN DELETE FROM moved; END")
    await written(store, "INSERT INTO stock VALUES ('beer', 1)")
    assert await rows(store, "SELECT * FROM meta_of") == [{"state": "beer", "lease": 1, 'a "b': "letter"}]
    await written(store, "DELETE FROM meta_of")
    assert await rows(store, "SELECT * FROM moved") == []


@pytest.mark.parametrize("read_before", [True, False])
async def test_trigger_may_be_made_before_the_table_that_it_writes(store: SqlStore, *, read_before: bool) -> None:
    await written(store, "CREATE TRIGGER note AFTER INSERT ON stock BEGIN INSERT INTO audit VALUES (new.name); END")
    if read_before:
        await rows(store, "SELECT * FROM stock")
    await written(store, "CREATE TABLE audit (name text)")
    await written(store, "INSERT INTO stock VALUES ('beer', 1)")
    assert await rows(store, "SELECT name FROM audit") == [{"name": "beer"}]


async def test_trigger_may_be_made_before_the_table_that_another_program_makes(tmp_path: Path) -> None:
    first, second = (SqliteStore(tmp_path / "billing.db", "billing") for _ in range(2))
    for store in (first, second):
        await store.open()
    await written(first, "CREATE TABLE stock (name text PRIMARY KEY)")
    await written(first, "CREATE TRIGGER note AFTER INSERT ON stock BEGIN INSERT INTO audit VALUES (new.name); END")
    await written(second, "CREATE TABLE audit (name text)")
    await written(first, "INSERT INTO stock VALUES ('beer')")
    assert await rows(second, "SELECT name FROM audit") == [{"name": "beer"}]
    for store in (first, second):
        await store.close()


async def test_table_of_remit_is_not_read_through_a_full_text_table_of_an_older_release(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "billing.db", isolation_level=None)) as plain:
        store = SqliteStore(tmp_path / "billing.db", "billing")
        await store.open()
        await store.commit(Unit([Change("Account", "a", 0, b"1")]))
        plain.execute("CREATE VIRTUAL TABLE spy USING fts5(body, content='state')")
        for statement in ("SELECT body FROM spy", "SELECT 'x' AS body UNION ALL SELECT body FROM spy"):
            with pytest.raises(SqlError, match="state is a table of remit"):
                await rows(store, statement)
        await store.close()


async def test_the_list_of_the_tables_of_a_file_is_complete(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "billing.db", "billing")
    await store.open()
    found = await rows(store, "SELECT name FROM sqlite_master WHERE type = 'table'")
    assert {row["name"] for row in found} == TABLES
    await store.close()


# ── values and errors ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_values_come_back_as_they_were_given(store: SqlStore) -> None:
    given = [None, 1, -(2**63), 1.5, "Zoë 🎓\0", b"\x00\xff", True]
    (row,) = await rows(store, "SELECT $1 AS a, $2 AS b, $3 AS c, $4 AS d, $5 AS e, $6 AS f, $7 AS g", *given)
    assert list(row.values()) == given
    (row,) = await rows(store, "SELECT $2 AS a, $1 AS b, $2 AS c", 1, 2)
    assert row == {"a": 2, "b": 1, "c": 2}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((), "binding"),
        ((1, 2), r"2 values are given, but the statement does not have \$2"),
        ((datetime(2026, 1, 2, tzinfo=UTC),), r"SQLite takes no datetime"),
        ((2**63,), "too large"),
        (("\ud800",), "surrogates"),
        (([1],), "SQLite takes no list"),
    ],
)
async def test_values_that_do_not_fit_are_told(store: SqlStore, values: tuple[object, ...], said: str) -> None:
    transaction = store.begin()
    with pytest.raises(SqlError, match=said):
        await transaction.fetch("SELECT $1", *values)


async def test_constraint_is_named(store: SqlStore) -> None:
    await written(
        store, "CREATE TABLE line (name text NOT NULL REFERENCES stock, n integer CONSTRAINT positive CHECK (n > 0))"
    )
    for statement, constraint in (
        ("INSERT INTO stock VALUES ('tea', 1)", "stock.name"),
        ("INSERT INTO line VALUES ('tea', 0)", "positive"),
        ("INSERT INTO line VALUES (NULL, 1)", "line.name"),
        ("INSERT INTO line VALUES ('beer', 1)", ""),
    ):
        transaction = store.begin()
        with pytest.raises(ConstraintViolated) as violated:
            await transaction.execute(statement)
        assert violated.value.constraint == constraint
        await transaction.abandon()


async def test_constraint_that_is_looked_at_when_all_is_written_fails_the_unit_alone(store: SqlStore) -> None:
    await written(store, "CREATE TABLE line (name text REFERENCES stock DEFERRABLE INITIALLY DEFERRED)")
    transaction = store.begin()
    await transaction.execute("INSERT INTO line VALUES ('beer')")
    other = store.commit(Unit([Change("Account", "b", 0, b"1")]))
    both = asyncio.gather(transaction.commit(Unit([Change("Account", "a", 0, b"1")])), other, return_exceptions=True)
    failed, went = await both
    assert isinstance(failed, ConstraintViolated)
    assert went is None
    assert await store.load("Account", "a") is None
    transaction = store.begin()
    await transaction.execute("INSERT INTO line VALUES ('beer')")
    await transaction.execute("INSERT INTO stock VALUES ('beer', 1)")
    await transaction.commit(Unit())


async def test_random_values_are_written_as_they_were_told(store: SqlStore) -> None:
    await written(
        store, "CREATE TABLE token (t text DEFAULT (lower(hex(randomblob(8)))), n integer DEFAULT (random()))"
    )
    transaction = store.begin()
    told = [
        *await transaction.fetch("INSERT INTO token DEFAULT VALUES RETURNING t, n"),
        *await transaction.fetch("INSERT INTO token DEFAULT VALUES RETURNING t, n"),
    ]
    await transaction.commit(Unit())
    assert await rows(store, "SELECT t, n FROM token ORDER BY rowid") == told
    assert told[0] != told[1]


async def test_random_bytes_are_as_many_as_sqlite_gives(store: SqlStore) -> None:
    sizes = ["NULL", "0", "-1", "3", "'4'", "'5 or more'", "2.9", "'none'", "x'36'"]
    asked = f"SELECT {', '.join(f'length(randomblob({size}))' for size in sizes)}"
    (row,) = await rows(store, asked)
    with closing(sqlite3.connect(":memory:")) as plain:
        assert tuple(row.values()) == plain.execute(asked).fetchone()
    with pytest.raises(SqlError):
        await rows(store, "SELECT randomblob(1000000000000)")


TIMES = [
    "julianday('now')", "julianday()", "strftime('%f', 'NOW')", "strftime('%Y-%m-%d %f')", "CURRENT_TIMESTAMP",
    "datetime('now', '-1 day', 'start of month')", "unixepoch()", "date('now')", "time()", "CURRENT_DATE",
    "CURRENT_TIME",
]  # fmt: skip


async def test_times_are_written_as_they_were_told(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    await written(store, "CREATE TABLE seen (at text DEFAULT CURRENT_TIMESTAMP, ms text DEFAULT (julianday('now')))")
    moments = itertools.count(1_800_000_000.5, 100_000)
    monkeypatch.setattr(replay, "time", SimpleNamespace(time=lambda: next(moments), monotonic=time.monotonic))
    transaction = store.begin()
    first = await transaction.fetch(f"SELECT {', '.join(TIMES)}")
    told = [
        *await transaction.fetch("INSERT INTO seen DEFAULT VALUES RETURNING at, ms"),
        *await transaction.fetch("INSERT INTO seen DEFAULT VALUES RETURNING at, ms"),
    ]
    await transaction.commit(Unit())
    assert await rows(store, "SELECT at, ms FROM seen ORDER BY rowid") == told
    assert told[0] != told[1]
    assert list(first[0].values()) == [
        pytest.approx(2461420.833339), pytest.approx(2461420.833339), "00.500", "2027-01-15 00.500",
        "2027-01-15 08:00:00", "2027-01-01 00:00:00", 1_800_000_000, "2027-01-15", "08:00:00", "2027-01-15", "08:00:00",
    ]  # fmt: skip


async def test_times_that_are_given_are_computed_as_sqlite_does(store: SqlStore) -> None:
    await written(store, "CREATE INDEX by_day ON stock (date(name))")
    (row,) = await rows(
        store,
        "SELECT date('2026-02-28', '+1 day') AS a, strftime('%j', $1) AS b, date(NULL) AS c, unixepoch('x') AS d",
        "2026-12-31",
    )  # fmt: skip
    assert row == {"a": "2026-03-01", "b": "365", "c": None, "d": None}


@pytest.mark.parametrize("function", ["last_insert_rowid", "changes", "Total_Changes"])
async def test_functions_that_tell_of_another_statement_are_refused_with_what_to_write(
    store: SqlStore, function: str
) -> None:
    for warm in ("SELECT 1", "INSERT INTO stock VALUES ('beer', 1)"):
        transaction = store.begin()
        await transaction.fetch(warm)
        with pytest.raises(SqlError, match=rf"(?i){function}\(\) .* RETURNING"):
            await transaction.fetch(f"SELECT {function}()")
        await transaction.abandon()


async def test_full_text_search_is_there(store: SqlStore) -> None:
    await written(store, "CREATE VIRTUAL TABLE book USING fts5(title)")
    await written(store, "INSERT INTO book VALUES ('domain driven design'), ('the little prince')")
    assert await rows(store, "SELECT title FROM book WHERE book MATCH $1", "design") == [
        {"title": "domain driven design"}
    ]
    await written(store, "CREATE VIRTUAL TABLE by_name USING fts5(name, content='stock')")
    await written(store, "INSERT INTO by_name (by_name) VALUES ('rebuild')")
    found = await rows(store, "SELECT 'x' AS name UNION ALL SELECT name FROM by_name WHERE by_name MATCH 'tea'")
    assert found == [{"name": "x"}, {"name": "tea"}]


@pytest.mark.parametrize(
    ("module", "row"), [("fts4(title)", ("tea",)), ("rtree(id, low, high)", (1, 0.0, 2.0)), ("fts5(title)", ("tea",))]
)
async def test_each_module_that_is_allowed_works(store: SqlStore, module: str, row: tuple[object, ...]) -> None:
    await written(store, f"CREATE VIRTUAL TABLE found USING {module}")
    await written(store, f"INSERT INTO found VALUES ({', '.join(map(repr, row))})")
    assert [tuple(each.values()) for each in await rows(store, "SELECT * FROM found")] == [row]


# ── others at the same time ─────────────────────────────────────────────────────────────────────────────────────────


async def test_what_a_handler_has_read_holds_when_it_is_written(store: SqlStore) -> None:
    async def take(transaction: Transaction, pieces: int) -> None:
        ((left,),) = [row.values() for row in await transaction.fetch("SELECT pieces FROM stock WHERE name = 'tea'")]
        assert isinstance(left, int)
        await transaction.execute("UPDATE stock SET pieces = $1 WHERE name = 'tea'", left - pieces)

    slow, quick = store.begin(), store.begin()
    await take(slow, 3)
    await take(quick, 4)
    await quick.commit(Unit())
    with pytest.raises(Conflict, match="sql"):
        await slow.commit(Unit())
    assert await rows(store, "SELECT pieces FROM stock WHERE name = 'tea'") == [{"pieces": 6}]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT name FROM stock ORDER BY pieces", "SELECT name FROM (SELECT * FROM stock ORDER BY pieces)",
        "SELECT group_concat(name) FROM (SELECT * FROM stock ORDER BY pieces)",
    ],
)  # fmt: skip
async def test_another_order_of_rows_is_a_conflict(store: SqlStore, statement: str) -> None:
    transaction = store.begin()
    before = await transaction.fetch(statement)
    await transaction.execute("UPDATE stock SET pieces = pieces")
    await written(store, "UPDATE stock SET pieces = 15 - pieces")
    with pytest.raises(Conflict, match="sql"):
        await transaction.commit(Unit())
    transaction = store.begin()
    assert await transaction.fetch(statement) != before
    await transaction.execute("UPDATE stock SET pieces = pieces")
    await transaction.commit(Unit())


async def test_order_of_rows_is_one_for_all_connections_when_statistics_have_changed(store: SqlStore) -> None:
    """SQLite chooses another index with other statistics, and reads rows in another order."""
    await written(store, "CREATE TABLE s (a integer, b integer, c integer)")
    await written(store, "CREATE INDEX by_a ON s (a)")
    await written(store, "CREATE INDEX by_b ON s (b)")
    asked = "SELECT c FROM s WHERE a = 1 AND b IN (0, 1)"
    numbers = "WITH RECURSIVE r (x) AS (SELECT 0 UNION ALL SELECT x + 1 FROM r LIMIT 300) "
    orders: list[list[dict[str, object]]] = []
    for columns in ("x % 2, x / 2, -x", "x / 2, x % 2, x"):
        await written(store, "DELETE FROM s")
        await written(store, f"INSERT INTO s {numbers} SELECT {columns} FROM r")
        await written(store, "ANALYZE s")
        orders.append(await rows(store, f"EXPLAIN QUERY PLAN {asked} AND '{columns}' != ''"))  # no cached statement
        transaction = store.begin()
        await transaction.fetch(asked)
        await transaction.execute("INSERT INTO s VALUES (0, 0, 0)")
        await transaction.commit(Unit())
    assert "by_b" in str(orders[0])
    assert "by_a" in str(orders[1])


async def test_nobody_waits_for_a_handler_that_has_written(store: SqlStore) -> None:
    slow = store.begin()
    await slow.execute("UPDATE stock SET pieces = pieces - 1 WHERE name = 'tea'")
    await store.commit(Unit([Change("Account", "a", 0, b"1")], [entry("k", "m")]))
    assert await written(store, "UPDATE stock SET pieces = pieces - 1 WHERE name = 'milk'") == 1
    assert await slow.fetch("SELECT pieces FROM stock ORDER BY name") == [{"pieces": 4}, {"pieces": 9}]
    await slow.commit(Unit([Change("Account", "a", 1, b"2")]))
    assert await rows(store, "SELECT pieces FROM stock ORDER BY name") == [{"pieces": 4}, {"pieces": 9}]


async def test_what_a_statement_has_written_is_written_by_its_unit_or_not_at_all(store: SqlStore) -> None:
    for taken in range(4):
        transaction = store.begin()
        await transaction.execute("UPDATE stock SET pieces = pieces - 1 WHERE name = 'tea'")
        unit = Unit([Change("Account", "a", 0, b"1")], [entry("k", f"m{taken}")])
        if taken:
            with pytest.raises(Conflict, match="state"):
                await transaction.commit(unit)
        else:
            await transaction.commit(unit)
    assert await rows(store, "SELECT pieces FROM stock WHERE name = 'tea'") == [{"pieces": 9}]
    assert len(await whole_log(store)) == 1


async def test_of_many_that_take_the_last_pieces_none_takes_what_is_not_there(store: SqlStore) -> None:
    async def take() -> bool:
        while True:
            transaction = store.begin()
            try:
                if (await transaction.fetch("SELECT pieces FROM stock WHERE name = 'milk'"))[0]["pieces"] == 0:
                    return False
                await transaction.execute("UPDATE stock SET pieces = pieces - 1 WHERE name = 'milk'")
                await transaction.commit(Unit())
            except Conflict:
                continue
            else:
                return True

    assert sorted(await asyncio.gather(*(take() for _ in range(12)))) == [False] * 7 + [True] * 5


async def test_what_another_program_writes_is_a_conflict(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "billing.db", "billing")
    await store.open()
    await written(store, "CREATE TABLE stock (name text PRIMARY KEY, pieces integer)")
    transaction = store.begin()
    await transaction.fetch("SELECT * FROM stock")
    with closing(sqlite3.connect(tmp_path / "billing.db", isolation_level=None)) as other:
        other.execute("INSERT INTO stock VALUES ('tea', 1)")
    with pytest.raises(Conflict):
        await transaction.commit(Unit([Change("Account", "a", 0, b"1")]))
    transaction = store.begin()
    await transaction.execute("UPDATE stock SET pieces = 7")
    with closing(sqlite3.connect(tmp_path / "billing.db", isolation_level=None)) as other:
        other.execute("DROP TABLE stock")
    with pytest.raises(Conflict):
        await transaction.commit(Unit())
    await store.close()


async def test_followers_are_woken_by_messages_of_such_a_unit(store: SqlStore) -> None:
    woken: list[int] = []
    store.watch(lambda: woken.append(1))
    transaction = store.begin()
    await transaction.execute("UPDATE stock SET pieces = 1")
    await transaction.commit(Unit(entries=[entry("k", "m")]))
    assert woken == [1]
    await store.commit(Unit(entries=[entry("k", "m2")]))
    assert [message.prev for message in await whole_log(store)] == ["", "m"]


async def test_statement_that_takes_too_long_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "READ_SECONDS", 0.1)
    monkeypatch.setattr(users, "WRITE_SECONDS", 0.1)
    store = SqliteStore(tmp_path / "billing.db", "billing")
    await store.open()
    await written(store, "CREATE TABLE n (n integer)")
    endless = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n) "
    for statement in (endless + "SELECT count(*) FROM n", "INSERT INTO n " + endless + "SELECT n FROM n"):
        transaction = store.begin()
        with pytest.raises(StoreUnavailable, match="took too long"):
            await transaction.execute(statement)
        await transaction.abandon()
    await written(store, "INSERT INTO n VALUES (1)")
    assert await rows(store, "SELECT n FROM n") == [{"n": 1}]
    await store.close()


async def test_cancelled_reading_is_broken_off(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "billing.db", "billing")
    await store.open()
    endless = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n) SELECT count(*) FROM n"
    for _ in range(users.READERS + 1):
        transaction = store.begin()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await transaction.fetch(endless)
        with pytest.raises(SqlError, match="was cancelled"):
            await transaction.fetch("SELECT 1")
    assert await rows(store, "SELECT 1 AS one") == [{"one": 1}], "a reader is free again"
    await store.close()


async def test_nothing_is_opened_for_who_has_no_statements(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "billing.db", "billing")
    await store.open()
    before = {thread.name for thread in threading.enumerate()}
    await store.begin().commit(Unit([Change("Account", "a", 0, b"1")]))
    assert {thread.name for thread in threading.enumerate()} == before
    assert MemoryStore()._users is None
    await store.close()
