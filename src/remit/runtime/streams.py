"""Compiles how an event-sourced aggregate is folded from its events."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from hashlib import blake2b
from types import CodeType, FunctionType
from typing import Any

import msgspec

from remit.contexts import Context
from remit.contexts.annotations import recorded_by
from remit.contexts.declarations import known_events
from remit.domain import Aggregate, EventSourced, Projection, Row, copying, indexes_of
from remit.messages import Codec, Contract, DomainEvent, contract_of
from remit.runtime.plan import AggregatePlan, EventPlan, FoldPlan, RecordPlan, StatePlan, StreamPlan
from remit.runtime.upcasting import Upcasters, state_codec, upcasters_of


def aggregate_plan(
    aggregate: type[Aggregate[Any, Any]], of: Context[Any], claims: RecordPlan | None = None
) -> AggregatePlan:
    """How an aggregate of a context is stored. `claims` is how its claims are."""
    stream = stream_plan(aggregate, of) if issubclass(aggregate, EventSourced) else None
    codec = state_codec(aggregate, of.upcasters)
    return AggregatePlan(f"{of.name}.{aggregate.__name__}", aggregate, codec, claims, stream)


def stream_plan(aggregate: type[EventSourced[Any, Any]], of: Context[Any]) -> StreamPlan:
    """How an event-sourced aggregate of a context is folded."""
    context, upcasters = of.name, upcasters_of(of.upcasters, of.name)

    def known() -> dict[tuple[str, int], Codec[Any]]:
        events = dict.fromkeys(event for named in recorded_by(aggregate) for event in known_events(named))
        contracts = [(contract_of(event, context), event) for event in events]
        return {(contract.type, contract.version): Codec[Any](event) for contract, event in contracts}

    identity, identified = _identity(aggregate)
    adopted = EventPlan(Contract(f"{context}.{aggregate.__name__}.adopted", 1, DomainEvent, None), _AsItIs(bytes))
    fingerprint, copied = fingerprint_of(aggregate, upcasters), copying(aggregate)
    return StreamPlan(fingerprint, known(), known, identity, identified, upcasters, copied, adopted)


class _AsItIs(Codec[bytes]):
    """Writes what was encoded before."""

    def _writing(self) -> Callable[[bytes], bytes]:
        return bytes


def fingerprint_of(aggregate: type[EventSourced[Any, Any]], upcasters: Upcasters | None = None) -> str:
    """A text that changes when the fields of an aggregate change, or the code that may fold it: of its class, of the
    upcasters of its context's events, and of the functions and constants of their package that this code names.

    The code is that of Python's compiler, so the text differs between releases of Python. It says nothing of objects
    whose attributes the code asks for.
    """
    return _digest((*_fields(aggregate), *_code(aggregate), *_upcasting(upcasters)))


def shape_of(
    projection: type[Projection[Any, Any]],
    takes: Iterable[tuple[str, int]],
    upcasters: Upcasters | None,
    state: StatePlan | None = None,
) -> str:
    """As `fingerprint_of`, for a read model: also of its indexes, of the types and versions of messages that it
    `takes`, and of what makes its documents from the `state` of aggregates."""
    declared = (*map(repr, sorted(takes)), repr(indexes_of(projection) if issubclass(projection, Row) else ()))
    return _digest((*declared, *_fields(projection), *_code(projection), *_upcasting(upcasters), *_made_from(state)))


def shape_in(follows: Sequence[FoldPlan]) -> str:
    """`shape_of` a read model, by what it follows."""
    takes = [wire for each in follows for wire in each.takes]
    upcasters = next((each.upcasters for each in follows if each.upcasters is not None), None)
    projection = follows[0].projection
    return shape_of(projection.type, takes, upcasters, projection.from_state)


def _digest(parts: Iterable[str]) -> str:
    found = blake2b(digest_size=8)
    for part in parts:
        found.update(part.encode("utf-8", "surrogatepass") + b"\0")
    return found.hexdigest()


def _fields(aggregate: type) -> Iterator[str]:
    for each in msgspec.structs.fields(aggregate):
        yield f"{each.name}: {each.type!r} as {each.encode_name}"


_BASES: tuple[type, ...] = (EventSourced, Projection, Row)


def _code(aggregate: type) -> Iterator[str]:
    seen: set[FunctionType] = set()
    for cls in aggregate.__mro__:
        if cls in _BASES:
            return
        for name, value in sorted(vars(cls).items()):
            value = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
            if isinstance(value, FunctionType):
                yield name
                yield from _function(value, seen)


def _function(function: FunctionType, seen: set[FunctionType]) -> Iterator[str]:
    """The code of a function, and the functions and constants that it names, each function once."""
    if function in seen:
        return
    seen.add(function)
    yield from _instructions(function.__code__)
    package = function.__module__.partition(".")[0]
    for name, value in _named(function):
        if isinstance(value, FunctionType):
            if value.__module__.partition(".")[0] == package:
                yield name
                yield from _function(value, seen)
        elif isinstance(value, _CONSTANTS):
            yield f"{name}={_constant(value)}"


def _named(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """The values of a function's globals and closure, by name."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):  # not assigned yet
            yield name, cell.cell_contents
    for name in function.__code__.co_names:
        if name in function.__globals__:
            yield name, function.__globals__[name]


def _upcasting(upcasters: Upcasters | None) -> Iterator[str]:
    seen: set[FunctionType] = set()
    for each in upcasters.upcasters if upcasters is not None else ():
        if each.is_of_event:
            yield f"{each.name} to {each.to} {each.to_version}"
            function = inspect.unwrap(each.function)
            if isinstance(function, FunctionType):
                yield from _function(function, seen)


def _made_from(state: StatePlan | None) -> Iterator[str]:
    if state is not None:
        yield state.aggregate.kind
        function = inspect.unwrap(state.function)
        if isinstance(function, FunctionType):
            yield from _function(function, set())


def _instructions(code: CodeType) -> Iterable[str]:
    yield code.co_code.hex()
    yield repr(code.co_names)
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _instructions(each)
        else:
            yield _constant(each)


_CONSTANTS: tuple[type, ...] = (int, float, complex, str, bytes, Decimal, Enum, timedelta, tuple, frozenset)


def _constant(value: Any) -> str:
    """A constant as a text. A set has another order in each process; other objects have their addresses in it."""
    parts: Iterable[Any] = value if value.__class__ in (tuple, frozenset) else ()
    if value.__class__ is frozenset:
        return repr(sorted(map(_constant, parts)))
    if value.__class__ is tuple:
        return repr([*map(_constant, parts)])
    return repr(value) if value is None or value is ... or isinstance(value, _CONSTANTS) else ""


def _identity(aggregate: type) -> tuple[Callable[[bytes], Any], Callable[[str], Any]]:
    """Reads the identity out of a state, whatever its other fields are; and out of its text."""
    (field,) = (each for each in msgspec.structs.fields(aggregate) if each.name == "id")
    codec = Codec[Any](msgspec.defstruct("Identity", [("id", field.type)]))

    def of_text(text: str) -> Any:
        try:
            return codec.decode(b'{"id":%s}' % msgspec.json.encode(text)).id
        except msgspec.MsgspecError:
            return codec.decode(f'{{"id":{text}}}').id  # a number

    return lambda state: codec.decode(state).id, of_text
