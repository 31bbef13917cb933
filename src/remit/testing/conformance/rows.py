"""What a store must do with the rows of row models."""

from __future__ import annotations

import asyncio
from itertools import product
from typing import Any

from remit.errors import Conflict, StoreError
from remit.stores.port import Change, Store, Unit
from remit.stores.rows import Place, RowChange, RowTable, Selection, row_table
from remit.testing.conformance.states import HOSTILE
from remit.testing.conformance.stores import advance, entry, refused, same, whole_log

__all__ = ["RowsConformance"]

TABLE = row_table("Line", 1, ["a", "b", "c"], [("a", "b"), ("b",), ("c", "a")])
A, B, C = TABLE.columns
MORE = RowTable(TABLE.name, TABLE.columns, (*TABLE.indexes, (C,)))
LONG = row_table("x" * 300, 1, ["ü" * 100], [("ü" * 100,)])
VALUES = (b"", b"\x00", b"\x01", b"\x01\x00", b"\x01a", b"\x7f", b"\x80", b"\xff", b"\xff\xff")


def row(id: str, a: bytes = b"", b: bytes = b"", c: bytes = b"", *, expected: int = 0, version: int = 7) -> RowChange:
    """A row to write."""
    return RowChange(TABLE, id, expected, version, b'{"id":1}', (a, b, c))


def gone(id: str, expected: int) -> RowChange:
    """A row to delete."""
    return RowChange(TABLE, id, expected, expected + 1, b"", ())


async def every(store: Store, selection: Selection, limit: int) -> list[tuple[Any, ...]]:
    """All rows of a selection, read page by page."""
    found: list[tuple[Any, ...]] = []
    after: Place | None = None
    while page := await store.select_rows(selection, after, limit):
        assert len(page) <= limit  # noqa: S101  a suite is made of them
        found += [(id, body.encode() if isinstance(body, str) else body, *values) for id, body, *values in page]
        after = found[-1][2:], found[-1][0]
    return found


class RowsConformance:
    """The promises about rows, one test each."""

    async def test_rows_are_written_with_their_unit_and_loaded_together(self, store: Store, twin: Store) -> None:
        await store.prepare_rows([TABLE])
        ids = [*HOSTILE, *map(str, range(300)), "\U0001f600" * 128]
        await store.commit(Unit(rows=[row(id) for id in ids], advance=advance(0, 1)))
        expected = dict.fromkeys(ids, (7, b'{"id":1}'))
        same(await twin.load_rows(TABLE, [*ids, "nobody"]), expected, "existing rows are returned by identity")
        same(await twin.load_rows(TABLE, []), {}, "no identities give no rows")
        same((await twin.checkpoints(advance(0, 1).subscription))[0].pos, 1, "the checkpoint moves with the rows")

    async def test_a_row_of_another_version_is_not_written(self, store: Store, twin: Store) -> None:
        await store.prepare_rows([TABLE])
        await store.commit(Unit(rows=[row("r1"), row("r2")]))
        await store.commit(Unit(rows=[row("r1", expected=7, version=8), gone("r2", 7)]))
        stale = [row("r1"), row("r1", expected=7), gone("r1", 7), row("r2", expected=7), gone("r2", 7)]
        for change in stale:
            unit = Unit([Change("Account", "a1", 0, b"1")], [entry("k", "m")], rows=[row("r3"), change])
            unit.advance = advance(0, 1)
            await refused(twin.commit(unit), "state", "only the loaded version can be changed or deleted")
        same(await store.load_rows(TABLE, ["r1", "r2", "r3"]), {"r1": (8, b'{"id":1}')}, "a refused unit writes no row")
        same(await store.load("Account", "a1"), None, "a refused unit writes no state")
        same(await whole_log(store), [], "a refused unit appends nothing")
        await store.commit(Unit(rows=[row("r2", version=100)]))
        same(await twin.load_rows(TABLE, ["r2"]), {"r2": (100, b'{"id":1}')}, "a deleted row can begin anew")

    async def test_of_units_that_write_one_row_at_a_time_one_wins(self, store: Store, twin: Store) -> None:
        await store.prepare_rows([TABLE])
        for number in range(10):
            name = f"r{number}"
            first = await asyncio.gather(
                *[of.commit(Unit(rows=[row(name, version=5)])) for of in (store, twin)], return_exceptions=True
            )
            units = [Unit(rows=[gone(name, 5)]), Unit(rows=[row(name, expected=5)])]
            both = (of.commit(unit) for of, unit in zip((store, twin), units[:: 1 - number % 2 * 2], strict=True))
            ended = [first, await asyncio.gather(*both, return_exceptions=True)]
            for outcomes in ended:
                same(
                    sorted(map(type, outcomes), key=str), [type(None), Conflict], "exactly one of the units is written"
                )

    async def test_rows_are_selected_by_the_bytes_of_their_columns(self, store: Store, twin: Store) -> None:
        await store.prepare_rows([TABLE])
        rows = [row(f"{n % 3}{n}", a, b, VALUES[n % 9]) for n, (a, b) in enumerate(product(VALUES[:4], VALUES))]
        await store.commit(Unit(rows=rows))
        asked = [Selection(TABLE, (), descending=down) for down in (False, True)]
        for value, down in product(VALUES[1:4], (False, True)):
            asked += [
                Selection(TABLE, (A, B), (value,), descending=down),
                Selection(TABLE, (A, B), (value,), b"\x00", b"\x7f", down),
                Selection(TABLE, (A, B), (value, b"\xff")),
                Selection(TABLE, (A, B), (), value, None, down),
                Selection(TABLE, (C, A), (), None, value, down),
                Selection(TABLE, (B,), (), value, value, down),
            ]
        for selection in asked:
            expected = _expected(rows, selection)
            for limit in (3, 1000):
                same(await every(twin, selection, limit), expected, f"{selection} by pages of {limit}")
            same(await twin.count_rows(selection), len(expected), f"count of {selection}")

    async def test_identities_are_ordered_by_code_points(self, store: Store) -> None:
        await store.prepare_rows([TABLE])
        ids = [*HOSTILE, "A", "a", "ä", "Z", "z", "\ue000", "\U00010000"]
        await store.commit(Unit(rows=[row(id) for id in ids]))
        found = [each[0] for each in await every(store, Selection(TABLE, ()), 5)]
        same(found, sorted(ids), "in the order of code points")

    async def test_a_prepared_table_is_prepared_again_without_effect(self, store: Store, twin: Store) -> None:
        await store.prepare_rows([TABLE])
        await store.commit(Unit(rows=[row("r1")]))
        await twin.prepare_rows([TABLE, MORE, LONG])
        same(set(await store.load_rows(TABLE, ["r1"])), {"r1"}, "rows stay")
        same(len(await twin.select_rows(Selection(MORE, (C,)), None, 9)), 1, "an index that is added has the rows")
        other = RowTable(TABLE.name, (A, B, "f_other"), ())
        try:
            await twin.prepare_rows([other])
        except StoreError:
            return
        same(await twin.load_rows(other, ["r1"]), {"r1": (7, b'{"id":1}')}, "only a store without columns takes others")


def _expected(rows: list[RowChange], selection: Selection) -> list[tuple[Any, ...]]:
    number = {column: nth for nth, column in enumerate(TABLE.columns)}
    found: list[tuple[Any, ...]] = []
    for each in rows:
        values = tuple(each.values[number[column]] for column in selection.by)
        first, others = values[: len(selection.equal)], values[len(selection.equal) :]
        is_in = first == selection.equal
        is_in = is_in and (selection.least is None or others[0] >= selection.least)
        if is_in and (selection.most is None or others[0] <= selection.most):
            found.append((each.id, each.body, *others))
    return sorted(found, key=lambda each: (each[2:], each[0]), reverse=selection.descending)
