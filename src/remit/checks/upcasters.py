"""An upcaster is a plain function of the fields of an old version, and its chain leads to the version of the class."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from remit.contexts import Context, Model
from remit.contexts.annotations import is_kind, name_of
from remit.contexts.upcasting import Upcaster, event_upcasters, state_upcasters, wire_name
from remit.errors import Finding, Findings
from remit.messages import DomainEvent

Wire = tuple[str, int]


class _Fault(NamedTuple):
    code: str
    what: str
    expected: str
    next: str


def check_upcasters(model: Model, findings: Findings) -> None:
    for context in model.contexts:
        known = _versions_of(model, context)
        for upcaster in context.upcasters:
            fault = next(_faults(model, context, known, upcaster), None)
            if fault is not None:
                findings.append(Finding(fault.code, upcaster.place, fault.what, fault.expected, fault.next))


def _versions_of(model: Model, context: Context[Any]) -> Mapping[str, set[int]]:
    """The versions of each domain event that the context has, by wire name."""
    found: dict[str, set[int]] = {}
    for event, contract in model.contracts.items():
        if is_kind(event, DomainEvent) and model.owners[event] == context.name:
            found.setdefault(contract.type, set()).add(contract.version)
    for upcaster in context.upcasters:  # a class that nothing records any more
        for event in (upcaster.reads, upcaster.to):
            if is_kind(event, DomainEvent) and model.owners.get(event, context.name) == context.name:
                found.setdefault(wire_name(event, context.name), set()).add(event.__remit_version__)
    return found


def _faults(model: Model, context: Context[Any], known: Mapping[str, set[int]], upcaster: Upcaster) -> Iterator[_Fault]:
    yield from _subject_faults(model, context, upcaster)
    yield from _function_faults(upcaster)
    yield from _version_faults(context, known, upcaster)
    same = [each for each in context.upcasters if _key(context, each) == _key(context, upcaster)]
    if same[0] is not upcaster:
        yield _Fault(
            "upcaster.doubled", f"two upcasters read {upcaster.name}", "one upcaster for each old version",
            "remove one of them",
        )  # fmt: skip
    yield from _gaps(context, known, upcaster)


def _key(context: Context[Any], upcaster: Upcaster) -> tuple[Any, Any]:
    return wire_name(upcaster.reads, context.name) if upcaster.is_of_event else upcaster.reads, upcaster.version


def _subject_faults(model: Model, context: Context[Any], upcaster: Upcaster) -> Iterator[_Fault]:
    expected = f"a domain event of {context.name} or its wire name; an aggregate, a projection or a record"
    if not (upcaster.is_of_event or upcaster.is_of_state):
        yield _Fault(
            "upcaster.subject", f"{name_of(upcaster.reads)} is not stored in versions", expected,
            f"@{context.name}.upcast(Event, version=1)",
        )  # fmt: skip
    if upcaster.to is not None and (upcaster.is_of_state or not _is_event(upcaster.to)):
        yield _Fault(
            "upcaster.subject", f"to={name_of(upcaster.to)} is not what {upcaster.name} can become",
            "to= only for an event, with a domain event or its wire name", "remove to=",
        )  # fmt: skip
    named: tuple[Any, ...] = (upcaster.reads, upcaster.to)
    for event in named:
        owner = model.owners.get(event, context.name) if is_kind(event, DomainEvent) else context.name
        if owner != context.name:
            yield _Fault(
                "upcaster.subject", f"{name_of(event)} is an event of {owner}", expected,
                f"declare the upcaster in {owner}",
            )  # fmt: skip


def _is_event(event: Any) -> bool:
    return isinstance(event, str) or is_kind(event, DomainEvent)


def _function_faults(upcaster: Upcaster) -> Iterator[_Fault]:
    function = upcaster.function
    what = ""
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        what = "is async"
    elif inspect.isgeneratorfunction(function):
        what = "is a generator"
    else:
        try:
            inspect.signature(function).bind({})
        except (TypeError, ValueError):
            what = "does not take the fields as its only argument"
    if what:
        name = getattr(function, "__name__", "it")
        yield _Fault(
            "upcaster.function", f"{name} {what}", "a plain function that takes the fields and returns those of the"
            " next version", f"def {name}(fields: dict[str, Any]) -> dict[str, Any]",
        )  # fmt: skip


def _version_faults(context: Context[Any], known: Mapping[str, set[int]], upcaster: Upcaster) -> Iterator[_Fault]:
    for version in (upcaster.version, upcaster.to_version):
        if type(version) is not int or version < 1:
            yield _Fault("upcaster.version", f"{version!r} is no version", "a whole number from 1 on", "version=1")
            return
    if upcaster.is_of_state:
        newest, has = upcaster.reads.__remit_version__, False
    else:
        versions = known.get(wire_name(upcaster.reads, context.name), set())
        newest, has = max(versions, default=None), upcaster.version in versions
    if has or (newest is not None and upcaster.version >= newest):
        yield _Fault(
            "upcaster.version", f"an upcaster reads {upcaster.name}, and the class has version {newest}",
            "an upcaster for each version that the class no longer has",
            f"class {name_of(upcaster.reads)}(..., version={upcaster.version + 1})",
        )  # fmt: skip


def _gaps(context: Context[Any], known: Mapping[str, set[int]], upcaster: Upcaster) -> Iterator[_Fault]:
    """Whether what the upcaster returns leads to the version of a class."""
    if upcaster.is_of_state:
        at: tuple[Any, int] = upcaster.reads.__name__, upcaster.version + 1
        is_read = at[1] == upcaster.reads.__remit_version__ or at[1] in state_upcasters(
            context.upcasters, upcaster.reads
        )
    else:
        at = upcaster.target(context.name)
        by_wire = event_upcasters(context.upcasters, context.name)
        is_read = at[1] in known.get(at[0], ()) or at in by_wire
        if (upcaster.to is not None and _goes_round(context, by_wire, upcaster)) or _only_drops(upcaster, known, at):
            is_read = upcaster.to is None
    if not is_read:
        yield _Fault(
            "upcaster.gap", f"{upcaster.name} becomes {at[0]} version {at[1]}, which nothing reads",
            "upcasters that lead, version by version, to the version of a class",
            f"@{context.name}.upcast({at[0].rpartition('.')[2]}, version={at[1]})",
        )  # fmt: skip


def _only_drops(upcaster: Upcaster, known: Mapping[str, set[int]], at: Wire) -> bool:
    """Whether an event has no class and no successor: then its upcaster drops it, or names each one by `Upcast`."""
    return upcaster.to is None and at[0] not in known


def _goes_round(context: Context[Any], by_wire: Mapping[Wire, Upcaster], upcaster: Upcaster) -> bool:
    """Whether a chain of renames comes back to where it began."""
    seen: set[int] = set()
    found: Upcaster | None = upcaster
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        found = by_wire.get(found.target(context.name))
    return found is not None
