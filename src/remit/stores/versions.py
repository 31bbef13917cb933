"""Versions of read models: which one is live, and where each is stored.

A rebuild makes the next version beside the live one. Version 1 is what there is without any rebuild.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

import msgspec

from remit.log import Checkpoint, SubscriptionId
from remit.stores.port import Change, ParkedKey, Store, Unit
from remit.stores.rows import Place, RowTable, Selection, shortened

_KIND = " read models"
"""The kind of the rows that say which version is live. The blank keeps it apart from class names."""
_MOST = 10_000
KEPT_SECONDS = 24 * 3600.0
"""How long the version that was live before is kept, and the messages that a killed rebuild has still to read."""


class Versions(msgspec.Struct, frozen=True, omit_defaults=True):
    """The versions of one read model in a store."""

    live: int = 1
    """The one that is read and updated by services."""
    building: int = 0
    """The one that a rebuild makes; 0 if none is made."""
    old: int = 0
    """The one that was live before, as long as it is kept; 0 if none is."""
    highest: int = 1
    """The highest number that was ever given."""
    shapes: dict[int, str] = {}
    """By version: the fingerprint of the read model whose code began it; for version 1, of the code that ran when a
    process first looked. They outlive the versions: they say which code belongs to an earlier release."""
    dropped: tuple[int, ...] = ()
    """Versions that nothing goes back to, and whose rows are still there."""
    switched: float = 0.0
    """When the live one was switched to (seconds since the epoch); 0.0 if it was not."""

    def is_earlier(self, shape: str, seen: int) -> bool:
        """Whether code with this fingerprint must not fold the live version, because it belongs to the release before:
        a version before the live one has this fingerprint, or the live one, made by other code, took the place of the
        version `seen` while a process with this code ran."""
        if shape == self.shapes.get(self.live):
            return False
        return seen < self.live or shape in [known for number, known in self.shapes.items() if number < self.live]

    def begun(self, shape: str) -> Versions:
        """Gives the next version its number, in place of an interrupted one."""
        number = self.highest + 1
        dropped = (*self.dropped, self.building) if self.building else self.dropped
        shapes = {**self.shapes, number: shape}
        return msgspec.structs.replace(self, building=number, highest=number, shapes=shapes, dropped=dropped)

    def switched_to(self, number: int, at: float) -> Versions:
        """Makes the version that is built, or the old one, live at a time (seconds since the epoch)."""
        building = 0 if number == self.building else self.building
        dropped = (*self.dropped, self.old) if self.old not in (0, number) else self.dropped
        return msgspec.structs.replace(
            self, live=number, building=building, old=self.live, dropped=dropped, switched=at
        )  # fmt: skip

    def without(self, number: int) -> Versions:
        """After the rows of a version were deleted. Its fingerprint stays: see `is_earlier`."""
        dropped = tuple(each for each in self.dropped if each != number)
        old = 0 if number == self.old else self.old
        return msgspec.structs.replace(self, old=old, dropped=dropped)


_decoder = msgspec.json.Decoder(Versions)


def name_in(model: str, version: int) -> str:
    """The kind, and the name of the subscription, of a version of `<context>.<Name>`. The only place that makes it."""
    return model if version == 1 else f"{model}@{version}"


def shown_in(model: str, version: int) -> str:
    """How a version of `<context>.<Name>` that is not live is called when people read of it, and when they name it. The
    live one has the name of the read model."""
    return f"{model}@{version}"


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


async def write_versions(store: Store, model: str, expected: int, versions: Versions) -> None:
    """Writes the versions of a read model. Raises `Conflict` if another process has written them meanwhile, and the
    other errors of `commit`."""
    await store.commit(Unit([Change(_KIND, model, expected, msgspec.json.encode(versions))]))


async def meant(store: Store, subscription: str) -> str:
    """The name of a subscription, by how a person calls it: the live version may be named by its number, too. Raises as
    the store does."""
    model, _, number = subscription.rpartition("@")
    if not model:
        return subscription
    _, versions = await load_versions(store, model)
    return model if number == str(versions.live) else subscription


async def by_live_names(store: Store) -> Store:
    """The store, in which the names of read models mean the versions that are live now, as `LiveVersions` says. Raises
    as the store does."""
    if isinstance(store, LiveVersions):
        return cast("Store", store)
    live = LiveVersions(store)
    live.use(await live.versions())
    return live.pinned()


class LiveVersions:
    """A store in which the names of read models mean their live versions, as they were when it last took them.

    Subscriptions are named so in what it returns, too. The other versions are called as `shown_in` says.

    Everything else is the store's own. What follows into read models uses it; what only reads them uses `pinned`.
    """

    def __init__(self, store: Store) -> None:
        self._store: Any = store
        self._names: dict[str, str] = {}
        """The kinds and subscriptions whose live version is not the first, and that version's."""
        self._ids: dict[str, str] = {}
        """The names of subscriptions that are stored under another one, and that."""
        self._shown: dict[str, str] = {}
        """The same the other way round."""
        self._tables: dict[str, int] = {}
        """The live version by the table of version 1."""
        self._first: Mapping[str, Versions] | None = None
        """The versions that it used first."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def pinned(self) -> Store:
        """A store in which the names go on to mean the versions that are live now. It is the store itself, which costs
        nothing, as long as the first version of each read model is live."""
        if not self._names:
            return cast("Store", self._store)
        pinned = LiveVersions(self._store)
        pinned._names, pinned._tables = self._names, self._tables  # `use` replaces them all
        pinned._ids, pinned._shown = self._ids, self._shown
        return cast("Store", pinned)

    async def versions(self) -> dict[str, Versions]:
        """The versions of each read model of which there are or were several. Raises as the store does."""
        return {model: _decoder.decode(body) for model, _, body in await self._store.page(_KIND, None, _MOST)}

    def switched(self, found: Mapping[str, Versions]) -> set[str]:
        """The read models of which another version is live than the one that is used."""
        wanted = _names(found)
        return {model for model in {*wanted, *self._names} if wanted.get(model) != self._names.get(model)}

    def use(self, found: Mapping[str, Versions]) -> None:
        """Uses these versions from now on. Nothing may run that follows into another one."""
        self._first = found if self._first is None else self._first
        self._names = _names(found)
        self._ids = {**self._names, **{shown_in(model, 1): model for model in self._names}}
        self._shown = {stored: name for name, stored in self._ids.items()}
        self._tables = {f"row_{shortened(model.partition('.')[2])}_1": found[model].live for model in self._names}

    def is_of_later_release(self, model: str, found: Versions, shape: str) -> bool:
        """Whether the live version was made by the code of a later release than this process has, whose fingerprint is
        `shape`. Needs `use` before."""
        first = (self._first or {}).get(model, Versions())
        return found.is_earlier(shape, first.live)

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

    async def parked(
        self, name: str | None = None, *, key: str | None = None, limit: int = 1000
    ) -> Sequence[ParkedKey]:
        stored = None if name is None else self._ids.get(name, name)
        found = await self._store.parked(stored, key=key, limit=limit)
        return [each._replace(subscription=self._shown_as(each.subscription)) for each in found]

    async def parking(self) -> Sequence[SubscriptionId]:
        return sorted(map(self._shown_as, await self._store.parking()))

    def retry(self, name: str, key: str | None, at: float) -> Any:
        return self._store.retry(self._ids.get(name, name), key, at)

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

    def accept_missed(self, projection: SubscriptionId, at: float) -> Any:
        return self._store.accept_missed(self._id(projection), at)

    def commit(self, unit: Unit) -> Any:
        if self._names:
            self._name(unit)
        return self._store.commit(unit)

    def _name(self, unit: Unit) -> None:
        """Names the live versions in a unit that moves or parks for a read model. The unit stays the same object: its
        owner may ask whether it was written."""
        of = [*(each.subscription for each in unit.moves), *(each.subscription for each in unit.parks)]
        of += [each.subscription for each in (unit.settle, unit.discard) if each is not None]
        if not any(each.name in self._ids for each in of):
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
        name = self._ids.get(id.name)
        return id if name is None else id._replace(name=name)

    def _shown_as(self, id: SubscriptionId) -> SubscriptionId:
        name = self._shown.get(id.name)
        return id if name is None else id._replace(name=name)

    def _table(self, table: RowTable) -> RowTable:
        version = self._tables.get(table.name)
        return table if version is None else table_in(table, version)


def _names(found: Mapping[str, Versions]) -> dict[str, str]:
    """The names of live versions other than the first, by read model."""
    return {model: name_in(model, each.live) for model, each in found.items() if each.live != 1}
