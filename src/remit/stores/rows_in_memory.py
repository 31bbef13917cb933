"""Rows of row models in dictionaries, which any simple store may keep."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from remit.errors import Conflict
from remit.stores.rows import Place, RowChange, RowTable, SelectedRow, Selection

_Row = tuple[int, bytes, tuple[bytes, ...]]


@dataclass
class RowsInMemory:
    """The rows of each table by identity: version, body and values."""

    tables: dict[str, dict[str, _Row]] = field(default_factory=dict[str, dict[str, _Row]])

    def check(self, rows: Iterable[RowChange]) -> int:
        """The bytes of these changes. Raises `Conflict` if one expects another version."""
        size = 0
        for row in rows:
            size += len(row.body)
            stored = self.tables.get(row.table.name, {}).get(row.id)
            if (stored[0] if stored else 0) != row.expected:
                raise Conflict("state", where=f"{row.table.name} {row.id}")
        return size

    def write(self, rows: Iterable[RowChange]) -> None:
        """Writes changes that were checked."""
        for table, id, _, version, body, values in rows:
            there = self.tables.setdefault(table.name, {})
            if body:
                there[id] = (version, body, values)
            else:
                there.pop(id, None)

    def load(self, table: RowTable, ids: Collection[str]) -> Mapping[str, tuple[int, bytes]]:
        """As `Rows.load_rows`."""
        there = self.tables.get(table.name, {})
        return {id: there[id][:2] for id in ids if id in there}

    def select(self, selection: Selection, after: Place | None) -> list[SelectedRow]:
        """All rows of a selection behind a place, in its order."""
        number = {column: nth for nth, column in enumerate(selection.table.columns)}
        picked = [number[column] for column in selection.by]
        equal = len(selection.equal)
        found: list[SelectedRow] = []
        for id, (_, body, values) in self.tables.get(selection.table.name, {}).items():
            of_index = tuple(values[nth] for nth in picked)
            if of_index[:equal] == selection.equal and _is_within(of_index[equal : equal + 1], selection):
                found.append((id, body, *of_index[equal:]))
        found.sort(key=_place, reverse=selection.descending)
        if after is None:
            return found
        if selection.descending:
            return [row for row in found if _place(row) < after]
        return [row for row in found if _place(row) > after]


def _place(row: SelectedRow) -> Place:
    return tuple(row[2:]), row[0]


def _is_within(next: tuple[bytes, ...], selection: Selection) -> bool:
    least, most = selection.least, selection.most
    return (least is None or next[0] >= least) and (most is None or next[0] <= most)
