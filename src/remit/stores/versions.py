"""Versions of read models: which one is live, and where each is stored.

A rebuild makes the next version beside the live one. Version 1 is what there is without any rebuild.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, cast

import msgspec

from remit.errors import Conflict
from remit.log import Checkpoint, SubscriptionId
from remit.stores.port import Advance, Change, ParkedKey, Store, Unit
from remit.stores.rows import Place, RowTable, Selection, shortened

_KIND = " read models"
"""The kind of the rows that say which version is live. The blank keeps it apart from class names."""
_MOST = 10_000


class Versions(msgspec.Struct, frozen=True):
    """The versions of one read model in a store."""

    live: int = 1
    """The one that is read and updated by services."""
    building: int = 0
    """The one that a rebuild makes; 0 if none is made."""
    old: int = 0
    """The one that was live before, as long as it is kept; 0 if none is."""
    highest: int = 1
    """The highest number that was ever given."""


_decoder = msgspec.json.Decoder(Versions)


def name_in(model: str, version: int) -> str:
    """The kind, and the name of the subscription, of a version of `<context>.<Name>`. The only place that makes it."""
    return model if version == 1 else f"{model}@{version}"


def table_in(table: RowTable, version: int) -> RowTable:
    """The table of a version of a row model."""
    return table._replace(name=f"{table.name.rpartition('_')[0]}_{version}")


def subscription_in(id: SubscriptionId, version: int) -> SubscriptionId:
    """The subscription of a version of a read model, by the one of version 1."""
    return id._replace(name=name_in(id.name, version))


async def load_versions(store: Store, model: str) -> tuple[int, Versions]:
    """The version of the row that names them, and the versions of `<context>.<Name>`."""
    row = await store.load(_KIND, model)
    return (0, Versions()) if row is None else (row[0], _decoder.decode(row[1]))


async def write_versions(
    store: Store, model: str, expected: int, versions: Versions, fences: Sequence[Advance] = ()
) -> None:
    """Writes which version is live. In the same transaction, the checkpoints `fences` stand where they stood.

    Raises `Conflict`, and nothing is written, if any of this has changed; and the other errors of `commit`.
    """
    body = msgspec.json.encode(versions)
    await store.commit(
        Unit([Change(_KIND, model, expected, body)], advance=next(iter(fences), None), further=fences[1:])
    )


async def switch(
    store: Store,
    model: str,
    ids: Iterable[SubscriptionId],
    expected: int,
    versions: Versions,
    after: Versions,
    at: float,
) -> bool:
    """Makes the live version of `after` live instead of that of `versions`, in one transaction. `ids` are the
    subscriptions of version 1, and `at` is the time (seconds since the epoch).

    Returns False, and writes nothing, if it has not handled all that the live one has handled.
    """
    fences: list[Advance] = []
    for id in ids:
        live, next = subscription_in(id, versions.live), subscription_in(id, after.live)
        stand, reached = await store.checkpoints(live), await store.checkpoints(next)
        for part in {*stand, *reached}:
            place = stand.get(part, Checkpoint(0, "", 0.0))
            if part not in reached or reached[part].pos < place.pos:
                return False
            fences.append(Advance(live, part, place.pos, place.id, place.pos, place.id, at))
    try:
        await write_versions(store, model, expected, after, fences)
    except Conflict:
        return False
    return True


class LiveVersions:
    """A store in which the names of read models mean their live versions, as they were when it last took them.

    Everything else is the store's own. What follows into read models uses it; what only reads them uses `pinned`.
    """

    def __init__(self, store: Store) -> None:
        self._store: Any = store
        self._names: dict[str, str] = {}
        """The kinds and subscriptions whose live version is not the first, and that version's."""
        self._tables: dict[str, int] = {}
        """The live version by the table of version 1."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def pinned(self) -> Store:
        """A store in which the names go on to mean the versions that are live now. It is the store itself, which costs
        nothing, as long as the first version of each read model is live."""
        if not self._names:
            return cast("Store", self._store)
        pinned = LiveVersions(self._store)
        pinned._names, pinned._tables = self._names, self._tables  # `use_versions` replaces both
        return cast("Store", pinned)

    async def live_versions(self) -> dict[str, int]:
        """Which version of each read model is live now, without those of which it is the first. Raises as the store
        does."""
        rows = await self._store.page(_KIND, None, _MOST)
        return {model: live for model, _, body in rows if (live := _decoder.decode(body).live) != 1}

    def other_versions(self, found: Mapping[str, int]) -> set[str]:
        """The read models of which another version is live than the one that is used."""
        wanted = {model: name_in(model, version) for model, version in found.items()}
        return {model for model in {*wanted, *self._names} if wanted.get(model) != self._names.get(model)}

    def use_versions(self, found: Mapping[str, int]) -> None:
        """Uses these versions from now on. Nothing may run that follows into another one."""
        self._names = {model: name_in(model, version) for model, version in found.items()}
        self._tables = {f"row_{shortened(model.partition('.')[2])}_1": version for model, version in found.items()}

    # ── what is read ────────────────────────────────────────────────────────────────────────────────────────────────

    def load(self, kind: str, id: str) -> Any:
        return self._store.load(self._names.get(kind, kind), id)

    def load_all(self, kind: str, ids: Collection[str]) -> Any:
        return self._store.load_all(self._names.get(kind, kind), ids)

    def prepare_rows(self, tables: Sequence[RowTable]) -> Any:
        return self._store.prepare_rows([*map(self._table, tables)])

    def load_rows(self, table: RowTable, ids: Collection[str]) -> Any:
        return self._store.load_rows(self._table(table), ids)

    def select_rows(self, selection: Selection, after: Place | None, limit: int) -> Any:
        return self._store.select_rows(selection._replace(table=self._table(selection.table)), after, limit)

    def count_rows(self, selection: Selection) -> Any:
        return self._store.count_rows(selection._replace(table=self._table(selection.table)))

    # ── subscriptions ───────────────────────────────────────────────────────────────────────────────────────────────

    def checkpoints(self, subscription: SubscriptionId) -> Any:
        return self._store.checkpoints(self._id(subscription))

    def place(self, subscription: SubscriptionId, checkpoints: Mapping[int, Checkpoint]) -> Any:
        return self._store.place(self._id(subscription), checkpoints)

    def count_parked(self, subscription: SubscriptionId) -> Any:
        return self._store.count_parked(self._id(subscription))

    def parked_among(self, subscription: SubscriptionId, part: int, keys: Collection[str]) -> Any:
        return self._store.parked_among(self._id(subscription), part, keys)

    async def due(
        self, subscription: SubscriptionId, *, at: float, tried_after: float, limit: int
    ) -> Sequence[ParkedKey]:
        found = await self._store.due(self._id(subscription), at=at, tried_after=tried_after, limit=limit)
        return [each._replace(subscription=subscription) for each in found]

    def letters(self, subscription: SubscriptionId, key: str, limit: int) -> Any:
        return self._store.letters(self._id(subscription), key, limit)

    def missed(self, projection: SubscriptionId) -> Any:
        return self._store.missed(self._id(projection))

    def note_missed(self, projection: SubscriptionId, upto: Mapping[int, Checkpoint]) -> Any:
        return self._store.note_missed(self._id(projection), upto)

    def commit(self, unit: Unit) -> Any:
        if self._names:
            self._name(unit)
        return self._store.commit(unit)

    def _name(self, unit: Unit) -> None:
        """Names the live versions in a unit that moves or parks for a read model. The unit stays the same object: its
        owner may ask whether it was written."""
        of = [*(each.subscription for each in unit.moves), *(each.subscription for each in unit.parks)]
        of += [each.subscription for each in (unit.settle, unit.discard) if each is not None]
        if not any(each.name in self._names for each in of):
            return
        names = self._names
        unit.changes = [each._replace(kind=names.get(each.kind, each.kind)) for each in unit.changes]
        unit.rows = [each._replace(table=self._table(each.table)) for each in unit.rows]
        unit.parks = [each._replace(subscription=self._id(each.subscription)) for each in unit.parks]
        unit.further = [each._replace(subscription=self._id(each.subscription)) for each in unit.further]
        if unit.advance is not None:
            unit.advance = unit.advance._replace(subscription=self._id(unit.advance.subscription))
        if unit.settle is not None:
            unit.settle = unit.settle._replace(subscription=self._id(unit.settle.subscription))
        if unit.discard is not None:
            unit.discard = unit.discard._replace(subscription=self._id(unit.discard.subscription))

    def _id(self, id: SubscriptionId) -> SubscriptionId:
        name = self._names.get(id.name)
        return id if name is None else id._replace(name=name)

    def _table(self, table: RowTable) -> RowTable:
        version = self._tables.get(table.name)
        return table if version is None else table_in(table, version)
