"""Queries of row models: finds the index, reads pages, and makes and reads cursors."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from remit.contexts import LARGEST_PAGE, AtLeast, AtMost, Between, Page, Selected
from remit.errors import BadCursor, BadKey, BadMessage, BadValue, NoIndex, require_limit, shown
from remit.messages import fits
from remit.runtime.plan import ProjectionPlan, RowPlan
from remit.stores import Place as RowPlace
from remit.stores import SelectedRow, Selection, Store

_RANGES = (AtLeast, AtMost, Between)


class _Cursor(msgspec.Struct, array_like=True):
    query: bytes
    """Of which query: a hash."""
    values: tuple[bytes, ...]
    id: str


_cursors = msgspec.msgpack.Decoder(_Cursor)
_written = msgspec.msgpack.Encoder()


class _Asked(NamedTuple):
    """The filters of a query, in the form in which values are sorted."""

    equal: Mapping[str, bytes]
    ranged: str | None
    least: bytes | None
    most: bytes | None


class _Index(NamedTuple):
    """The index that serves all queries of one shape: with filters of these kinds on these fields, in this order."""

    equal: tuple[str, ...]
    """The fields of the filters by equality, in the order of the index."""
    columns: tuple[str, ...]
    descending: bool
    begun: blake2b
    """The hash of what all of these queries have in common."""


class UnitSelected(Selected[Any]):
    """The rows that a handler has selected."""

    __slots__ = ("_asked", "_index", "_named", "_plan", "_store")

    def __init__(
        self, store: Store, plan: RowPlan, filters: Mapping[str, object], asked: _Asked | None = None,
        fields: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        """Raises `NoIndex`, `BadValue`, `BadKey`."""
        self._store, self._plan = store, plan
        self._asked = asked = asked or _read(plan, filters)
        self._index = _index(plan, asked, fields)
        self._named = b""

    def order(self, *fields: str) -> Selected[Any]:
        return UnitSelected(self._store, self._plan, {}, self._asked, fields)

    async def page(self, *, limit: int = 100, after: str | None = None) -> Page[Any]:
        require_limit(limit, LARGEST_PAGE, self._plan.kind)
        selection = self._selection()
        place = None if after is None else self._place(after, selection)
        rows = await self._store.select_rows(selection, place, limit + 1)
        if len(rows) <= limit:
            return Page(items=_values(self._plan, rows))
        return Page(items=_values(self._plan, rows[:limit]), next=self._cursor(rows[limit - 1], selection))

    async def count(self) -> int:
        return await self._store.count_rows(self._selection())

    def _selection(self) -> Selection:
        asked, index = self._asked, self._index
        equal = tuple([asked.equal[field] for field in index.equal])
        return Selection(self._plan.table, index.columns, equal, asked.least, asked.most, index.descending)

    # ── cursors ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _query(self, of: Selection) -> bytes:
        """Tells queries apart: by model, version of its table, index, filters and direction."""
        if not self._named:
            hashed = self._index.begun.copy()
            hashed.update(_written.encode((of.equal, of.least, of.most)))
            self._named = hashed.digest()
        return self._named

    def _cursor(self, row: SelectedRow, of: Selection) -> str:
        made = _written.encode((self._query(of), tuple(row[2:]), row[0]))
        return urlsafe_b64encode(_sum(made) + made).decode().rstrip("=")

    def _place(self, cursor: str, of: Selection) -> RowPlace:
        """Raises `BadCursor`."""
        try:
            data = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
            read = _cursors.decode(data[4:]) if _sum(data[4:]) == data[:4] else None
        except (ValueError, AttributeError, msgspec.MsgspecError):
            read = None
        if read is not None and not fits(read.id):
            read = None  # forged: no row has such a key
        if read is None or read.query != self._query(of) or len(read.values) != len(of.ordered):
            raise BadCursor(
                "this is no cursor" if read is None else "this is a cursor of another query",
                where=self._plan.kind, expected="the `next` of a page of this query, with the same filters and order",
                next="begin at the first page: after=None",
            )  # fmt: skip
        return read.values, read.id


def _sum(data: bytes) -> bytes:
    return blake2b(data, digest_size=4).digest()


def _values(plan: RowPlan, rows: Sequence[SelectedRow]) -> list[Any]:
    """Raises `BadMessage`."""
    try:
        return plan.codec.restore_all([row[1] for row in rows])
    except msgspec.MsgspecError:
        return [_value(plan, *row[:2]) for row in rows]  # says which row it is


def _value(plan: RowPlan, id: str, body: bytes | str) -> Any:
    try:
        return plan.codec.restore(body)[0]
    except msgspec.MsgspecError as error:
        raise BadMessage(
            f"{id!r} was stored by another release and cannot be read by this one: {error}", where=plan.kind,
            expected=f"fields and values of {plan.type.__name__}", next="run the release that wrote it",
        ) from error  # fmt: skip


# ── filters ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _read(plan: RowPlan, filters: Mapping[str, object]) -> _Asked:
    ranged = [field for field, value in filters.items() if isinstance(value, _RANGES)]
    if unknown := next((field for field in filters if field not in plan.fields), None):
        raise _no_index(plan, f"{unknown} is in no index of {plan.type.__name__}")
    if len(ranged) > 1:
        raise _no_index(plan, f"{' and '.join(ranged)} have ranges, and a query may have one")
    equal = {field: _form(plan, field, value) for field, value in filters.items() if field not in ranged}
    if not ranged:
        return _Asked(equal, None, None, None)
    field = ranged[0]
    bounds: Any = filters[field]
    least, most = (
        _form(plan, field, getattr(bounds, name)) if hasattr(bounds, name) else None for name in ("least", "most")
    )
    return _Asked(equal, field, least, most)


def _form(plan: RowPlan, field: str, value: object) -> bytes:
    """A value of a filter as it is sorted. Raises `BadValue` for one of another type, and `BadKey` for one of this type
    that no index holds, which a client may have chosen."""
    kind, form = plan.fields[field]
    try:
        return form(value if value.__class__ is kind else msgspec.convert(value, kind))
    except BadValue as error:
        raise BadKey(
            f"{field} of {plan.type.__name__} is never this: {error.what}", where=plan.kind, expected=error.expected,
            next="limit what clients may choose",
        ) from error  # fmt: skip
    except (msgspec.ValidationError, AttributeError, TypeError) as error:
        raise BadValue(
            f"{field} of {plan.type.__name__} cannot be {shown(value, 200)}: {error}", where=plan.kind,
            expected="a value of the type of the field", next=f"where({field}=...)",
        ) from error  # fmt: skip


def _index(plan: RowPlan, asked: _Asked, fields: tuple[str, ...]) -> _Index:
    """The first declared index that has the filters and the order. Raises `NoIndex`."""
    shape = (*asked.equal,), asked.ranged, fields
    found: _Index | None = plan.served.get(shape)
    if found is None:
        found = plan.served[shape] = _find(plan, asked, fields)
    return found


def _find(plan: RowPlan, asked: _Asked, fields: tuple[str, ...]) -> _Index:
    descending = [field.startswith("-") for field in fields]
    if len({*descending}) > 1:
        raise _no_index(plan, f"order({', '.join(map(repr, fields))}) goes up and down")
    order = tuple(field.removeprefix("-") for field in fields)
    for index in ((), *plan.indexes):
        first, others = index[: len(asked.equal)], index[len(asked.equal) :]
        fits = {*first} == {*asked.equal} and others[: len(order)] == order
        if fits and (asked.ranged is None or others[:1] == (asked.ranged,)):
            return _served(plan, index, first, descending=any(descending))
    wanted = [*asked.equal, *([asked.ranged] if asked.ranged else []), *(f"order {field}" for field in fields)]
    raise _no_index(plan, f"no index of {plan.type.__name__} serves {', '.join(wanted)}")


def _served(plan: RowPlan, index: tuple[str, ...], equal: tuple[str, ...], *, descending: bool) -> _Index:
    names = dict(zip(plan.fields, plan.table.columns, strict=True))
    columns = tuple(names[field] for field in index)
    common = repr((plan.kind, plan.table.name, columns, descending)).encode()
    return _Index(equal, columns, descending, blake2b(common, digest_size=8))


def _no_index(plan: RowPlan, what: str) -> NoIndex:
    known = ", ".join(str(index) for index in plan.indexes) or "none"
    return NoIndex(
        what, where=plan.kind,
        expected="filters by equality on the first fields of an index, then at most one range; an order by its next "
        "fields, all up or all down",
        next=f"the declared indexes are: {known}; declare another: class {plan.type.__name__}(Row[...], indexes=[...])",
    )  # fmt: skip


def not_rows(plan: ProjectionPlan) -> NoIndex:
    """The error for a query of documents."""
    name = plan.type.__name__
    return NoIndex(
        f"{name} is a projection whose documents are found by their key only", where=plan.kind,
        expected="get, find or find_all; or a row model", next=f"class {name}(Row[...], indexes=[...])",
    )  # fmt: skip
