"""Applies upcasters to what is read: old domain events, and old states of aggregates, projections and records."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from remit.contexts.upcasting import Upcast, Upcaster, event_upcasters, state_upcasters, wire_name
from remit.errors import NotUpcast
from remit.messages import UNWRITABLE, Codec, VersionedCodec

T = TypeVar("T")

LONGEST = 100
"""The most steps from a stored event to its newest form."""


class Form(NamedTuple):
    """An event in the form of one version: its wire name, the version, and the fields as JSON."""

    type: str
    version: int
    payload: bytes


class Upcasters:
    """The upcasters of the domain events of a context."""

    __slots__ = ("_by_wire", "_context", "types", "upcasters")

    def __init__(self, upcasters: Sequence[Upcaster], context: str) -> None:
        self.upcasters = upcasters
        self._context = context
        self._by_wire = event_upcasters(upcasters, context)
        self.types = frozenset(type for type, _ in self._by_wire)
        """The wire names of events that have old versions."""

    def __contains__(self, wire: tuple[str, int]) -> bool:
        return wire in self._by_wire

    def newest(self, type: str, version: int, payload: bytes) -> Sequence[Form]:
        """The events that a stored one has become, each in its newest form; empty if it was dropped.

        Raises `NotUpcast`.
        """
        if (type, version) not in self._by_wire:
            return [Form(type, version, payload)]
        try:
            fields: Any = msgspec.json.decode(payload)
        except msgspec.MsgspecError as error:
            raise _failed(f"{type} version {version}", self._context, f"its bytes are not JSON: {error}") from error
        found = list(self._follow(type, version, fields, LONGEST))
        try:
            return [Form(type, version, msgspec.json.encode(fields)) for type, version, fields in found]
        except UNWRITABLE as error:
            why = f"its upcaster made what JSON does not have: {error}"
            raise _failed(f"{type} version {version}", self._context, why) from error

    def _follow(self, type: str, version: int, fields: Any, left: int) -> Iterator[tuple[str, int, Any]]:
        upcaster = self._by_wire.get((type, version))
        if upcaster is None:
            yield type, version, fields
            return
        if not left:
            raise _failed(f"{type} version {version}", upcaster.place, f"it is not done after {LONGEST} upcasters")
        made = _called(upcaster, f"{type} version {version}", fields)
        same = upcaster.target(self._context)
        several: Sequence[Any] = made if made.__class__ in {list, tuple} else () if made is None else (made,)
        for each in several:
            if isinstance(each, Upcast) and isinstance(each.fields, dict):  # pyright: ignore[reportUnnecessaryIsInstance]  # made by users
                yield from self._follow(wire_name(each.event, self._context), each.version, each.fields, left - 1)
            elif isinstance(each, dict):
                yield from self._follow(*same, each, left - 1)
            else:
                raise _strange(
                    upcaster, f"{type} version {version}", each, "a dict, an Upcast, a list of them, or None"
                )


def upcasters_of(upcasters: Sequence[Upcaster], context: str) -> Upcasters | None:
    """The upcasters of the events of a context; None if it has none."""
    return Upcasters(upcasters, context) if any(each.is_of_event for each in upcasters) else None


def state_codec(of: type[T], upcasters: Sequence[Upcaster]) -> Codec[T]:
    """The codec of a class of states, with its version and upcasters."""
    version: int = getattr(of, "__remit_version__", 1)
    if version == 1:
        return Codec(of)
    steps = state_upcasters(upcasters, of)

    def convert(before: int, fields: dict[str, Any]) -> dict[str, Any]:
        for number in range(before, version):
            fields = _next(steps, of.__name__, number, fields)
        return fields

    return VersionedCodec(of, version, convert)


def _next(steps: Mapping[int, Upcaster], name: str, number: int, fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a state in the form of the next version. Without an upcaster, the next version reads them."""
    what, upcaster = f"{name} version {number}", steps.get(number)
    if upcaster is None:
        raise _failed(what, name, "there is no upcaster for it")
    made = _called(upcaster, what, fields)
    if isinstance(made, dict):
        return made  # pyright: ignore[reportUnknownVariableType]  # of any
    raise _strange(upcaster, what, made, "a dict: a state becomes one state")


def _called(upcaster: Upcaster, what: str, fields: Any) -> Any:
    if not isinstance(fields, dict):
        raise _failed(what, upcaster.place, f"it is stored as {type(fields).__name__}, which has no fields")
    try:
        return upcaster.function(fields)  # pyright: ignore[reportUnknownArgumentType]  # of any
    except Exception as error:
        raise _failed(what, upcaster.place, f"its upcaster raised {type(error).__name__}: {error}") from error


def _strange(upcaster: Upcaster, what: str, made: Any, expected: str) -> NotUpcast:
    said = f"its upcaster returned {type(made).__name__}"
    return NotUpcast(f"{what} cannot be read: {said}", where=upcaster.place, expected=expected)


def _failed(what: str, where: str, why: str) -> NotUpcast:
    return NotUpcast(f"{what} cannot be read: {why}", where=where)


def takes_old(types: Collection[str], upcasters: Upcasters | None) -> set[str]:
    """The wire names of the records from which messages of these types may come."""
    return {*types, *(upcasters.types if upcasters is not None else ())}
