"""`remit impact`: what an outage of a context does to the others, and what a change of a message concerns."""

from __future__ import annotations

import json as jsons
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter
from rich.table import Table

from remit.advisor.contract import Use, uses_of
from remit.advisor.impact import Impact, Reason, impact_of
from remit.advisor.measured import Measure, Pair, with_recordings
from remit.advisor.outages import How, Outage, context_outage, service_outage
from remit.advisor.placed import unseen_by
from remit.advisor.points import Interactions, Point
from remit.advisor.reading import interactions_of
from remit.advisor.recording import Recording
from remit.advisor.together import Together, together
from remit.boundaries import is_map
from remit.cli.options import AsJson, SystemName, is_topology
from remit.cli.screen import cell, say, show
from remit.contexts import Model
from remit.errors import nearest, one_of
from remit.hosting.failures import Failure
from remit.hosting.finding import HERE, load_system
from remit.hosting.services import models_of
from remit.topology.file import read_topology
from remit.topology.placement import Placement, place
from remit.topology.shapes import shapes_of


def impact(
    context: Annotated[str, Parameter(name="CONTEXT", help="The context. With a topology, also a service of it.")],
    system: SystemName = HERE,
    /,
    *,
    down: Annotated[bool, Parameter(negative="", help="Only what happens if it is down.")] = False,
    slow: Annotated[bool, Parameter(negative="", help="Only what happens if it is slow.")] = False,
    contract: Annotated[
        str | None, Parameter(name="--contract", help="A message of the context: what a change of it concerns.")
    ] = None,
    service: Annotated[
        bool, Parameter(negative="", help="CONTEXT is a service, also if a context has this name.")
    ] = False,
    measured: Annotated[
        list[str] | None, Parameter(negative="", help="A file of recorded calls. May be given several times.")
    ] = None,
    json: AsJson = False,
) -> int:
    """Show what fails, waits or becomes stale elsewhere if a context is down or slow, and which contexts move together.

    SYSTEM may be a topology file. Imports the contexts; starts and opens nothing. What follows from a declaration is
    `declared`. What was read from the code of a handler is an `estimate`: which messages it calls, and which of the
    declared events it records. With --measured, calls that a `CallRecorder` has recorded are `measured`.
    """
    model, placement = _loaded(system)
    interactions, measures, unknown = with_recordings(interactions_of(model), map(_recording, measured or ()))
    if contract is not None:
        _tell_contract(interactions, _message(interactions, context, contract), as_json=json)
        return 0
    hows: list[How] = ["down"] if down and not slow else ["slow"] if slow and not down else ["down", "slow"]
    unseen = unseen_by(placement, models_of(placement.topology, placement)) if placement else None
    outages = [_outage(interactions, placement, context, how, service=service) for how in hows]
    found = [impact_of(interactions, outage, unseen) for outage in outages]
    groups = together(interactions)
    if json:
        said: dict[str, Any] = {"system": model.name, "together": [_group(each) for each in groups]}
        calls = [{**pair._asdict(), **asdict(measure)} for pair, measure in measures.items()]
        said |= {"measured": calls, "unknown": list(unknown)} if measured else {}
        print(jsons.dumps(said | {each.outage.how: _document(each) for each in found}))
        return 0
    for each in found:
        _tell(interactions, each)
    if measured:
        _tell_measured(interactions, found[0].outage, measures, unknown)
    _tell_groups(groups)
    return 0


def _loaded(system: str) -> tuple[Model, Placement | None]:
    if not is_topology(system):
        return load_system(system).model(), None
    if is_map(system):
        raise Failure(
            "cli.usage", f"{system} is a code map, and impact needs a system or a topology", where="remit impact",
            expected="a system, whose handlers tell what calls what", next="remit map shows the relations of it",
        )  # fmt: skip
    topology = read_topology(system, whole=False)
    model = load_system(topology.system).model()
    return model, place(topology, shapes_of(model))


def _recording(path: str) -> Recording:
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=Recording)
    except (OSError, ValueError) as error:
        what = error.strerror if isinstance(error, OSError) else error
        raise Failure(
            "impact.recording", f"the recorded calls cannot be read: {what}", where=path,
            expected="a file that a CallRecorder has written", next="docs/impact.md shows how calls are recorded",
        ) from None  # fmt: skip


def _outage(interactions: Interactions, placement: Placement | None, name: str, how: How, *, service: bool) -> Outage:
    services = list(placement.services) if placement else []
    if name in interactions.contexts and not service:
        return context_outage(interactions, name, how)
    if placement is not None and name in services:
        return service_outage(placement, name, how)
    known = services if service else [*interactions.contexts, *services]
    what = "service" if service else "context"
    raise Failure(
        f"{what}.unknown", f"there is no {what} {name!r}", where="remit impact",
        expected=one_of(known, "a topology file, which has services"),
        next=f"did you mean {near}?" if (near := nearest(name, known)) else "choose one of these",
    )  # fmt: skip


def _message(interactions: Interactions, context: str, named: str) -> str:
    """The wire name of a message of the context. Raises `Failure` if it has no such message."""
    if context not in interactions.contexts:
        _outage(interactions, None, context, "down", service=False)
    known = sorted(name for name, owner in interactions.messages.items() if owner == context)
    found = next((name for name in known if named in (name, name.partition(".")[2])), None)
    if found is None:
        near = nearest(named, [*known, *(name.partition(".")[2] for name in known)])
        raise Failure(
            "message.unknown", f"{context} has no message {named!r}", where="remit impact",
            expected=one_of(known, "a message of the context, which has none"),
            next=f"did you mean {near}?" if near else "choose one of these",
        )  # fmt: skip
    return found


# --- as text ----------------------------------------------------------------------------------------------------------


def _table(*titles: str) -> Table:
    return Table(*titles, box=None, pad_edge=False)


def _tell(interactions: Interactions, found: Impact) -> None:
    outage = found.outage
    say(f"{outage.name} is {outage.how}\n")
    ends = "FAILS" if outage.how == "down" else "IS SLOW"
    _tell_called(interactions, found, ends, found.fails if outage.how == "down" else found.degrades)
    if outage.how == "down":
        _tell_called(interactions, found, "DEGRADES", found.degrades)
    elif _elsewhere(outage, found.degrades):
        say("Each takes as long as the handlers that it calls, and ends at its deadline (default: 10 s).\n")
    _tell_reasons("WAITS", {each: why for each, why in found.waits.items() if each.arrives or not _is_in(outage, each)})
    _tell_reasons(f"GOES ON WITHOUT {outage.name}", found.goes_on)
    if found.models:
        table = _table("BECOMES STALE", "FOR", "BECAUSE", "KNOWN BY")
        for each in found.models:
            readers = ", ".join(_short(point.name, each.context) for point in each.readers if point.kind != "route")
            because = Reason(each.because.steps[:-1])  # the last one is the model
            table.add_row(cell(each.name), cell(readers or "·"), cell(_path(because)), each.because.basis)
        show(table)
        print()
    if found.not_fresh:
        mine = [point.name for point in found.not_fresh if not outage.has(point.component)]
        if mine:
            say(f"No fresh answer: {', '.join(mine)}\n")
    _tell_unaffected(found)


def _path(reason: Reason) -> str:
    """The steps. The name of the context stands where it changes."""
    before, shown = "", list[str]()
    for step in reason.steps:
        shown.append(_short(step, before))
        before = step.partition(".")[0]
    return " → ".join(shown)


def _short(name: str, context: str) -> str:
    return name.removeprefix(f"{context}.")


def _elsewhere(outage: Outage, found: dict[Point, Reason]) -> dict[Point, Reason]:
    return {point: reason for point, reason in found.items() if not _is_in(outage, point)}


def _is_in(outage: Outage, point: Point) -> bool:
    return outage.has(point.component)


def _tell_called(interactions: Interactions, found: Impact, title: str, points: dict[Point, Reason]) -> None:
    """Messages with the routes that lead to them; routes of an edge that is down; and webhooks, whoever serves them."""
    rows = _elsewhere(found.outage, points)
    messages = {point: reason for point, reason in rows.items() if point.kind != "route"}
    lone = {point: reason for point, reason in points.items() if point.kind == "route" and len(reason.steps) == 1}
    if not messages and not lone:
        return
    table = _table(title, "ROUTES", "BECAUSE", "KNOWN BY")
    for point, reason in messages.items():
        routes = [each.name for each in interactions.callers.get(point.name, ()) if each.kind == "route"]
        table.add_row(cell(point.name), cell(", ".join(routes) or "·"), cell(_path(reason)), reason.basis)
    for point in lone:
        if point.is_webhook or not all(_is_in(found.outage, each) for each in interactions.of(point.context)):
            table.add_row(cell(point.component), cell(point.name), f"its {point.part} is down", "declared")
    if table.row_count:
        show(table)
        print()


def _tell_reasons(title: str, points: dict[Point, Reason]) -> None:
    if not points:
        return
    table = _table(title, "BECAUSE", "KNOWN BY")
    for point, reason in points.items():
        table.add_row(cell(point.name), cell(_path(reason)), reason.basis)
    show(table)
    print()


def _tell_unaffected(found: Impact) -> None:
    table = _table("UNAFFECTED", "")
    by_context: dict[str, list[str]] = {}
    for point in found.unaffected:
        if point.kind != "route":
            by_context.setdefault(point.context, []).append(point.name.partition(".")[2])
    for context, names in by_context.items():
        table.add_row(cell(context), cell(", ".join(names)))
    if table.row_count:
        show(table)
        print()


def _tell_measured(
    interactions: Interactions, outage: Outage, measures: Mapping[Pair, Measure], unknown: Sequence[str]
) -> None:
    """The calls to what is away: how often they were recorded. An estimate that was never seen has 0."""
    table = _table("CALLS", "TO")
    for title in ("COUNT", "FAILED", "MEAN s", "LONGEST s"):
        table.add_column(title, justify="right")
    for point in (each for each in interactions.points if each.kind not in ("route", "commands")):
        for message in point.calls:
            called = interactions.handlers.get(message)
            if called is None or not outage.has(called.component) or outage.has(point.component):
                continue
            seen = measures.get(Pair(point.name, message), Measure())
            mean = f"{seen.seconds / seen.count:.3f}" if seen.count else "·"
            longest = f"{seen.longest:.3f}" if seen.count else "·"
            table.add_row(cell(point.name), cell(message), str(seen.count), str(seen.failed), mean, longest)
    if table.row_count:
        show(table)
        print()
    if unknown:
        say(f"Recorded, and not in this system: {', '.join(unknown)}\n")


def _tell_groups(groups: Sequence[Together]) -> None:
    if not groups:
        say("No contexts move together: none call one another in a circle, and none are partners or share a kernel.")
        return
    table = _table("MOVE TOGETHER", "BECAUSE", "KNOWN BY")
    for group in groups:
        for number, tie in enumerate(group.ties):
            names = ", ".join(group.contexts) if number == 0 else ""
            table.add_row(cell(names), cell(f"{tie.context} → {tie.other}: {tie.why}"), tie.basis)
    show(table)


def _tell_contract(interactions: Interactions, message: str, *, as_json: bool) -> None:
    uses = uses_of(interactions, message)
    if as_json:
        owner = interactions.messages[message]
        print(jsons.dumps({"message": message, "owner": owner, "uses": [each._asdict() for each in uses]}))
        return
    say(f"a change of {message} concerns\n")
    table = _table("CONTEXT", "WHAT", "", "AT", "RELATION", "KNOWN BY")
    for use in uses:
        table.add_row(
            cell(use.context), cell(use.point), use.what, cell(_below(use)), cell(use.relation or "·"), use.basis
        )
    show(table)


def _below(use: Use) -> str:
    """The place, below the working directory if it is there."""
    here = f"{Path.cwd()}/"
    return use.place.removeprefix(here)


# --- as JSON ----------------------------------------------------------------------------------------------------------


def _document(found: Impact) -> dict[str, Any]:
    groups = {"fails": found.fails, "degrades": found.degrades, "waits": found.waits, "stale": found.stale}
    return {
        "of": found.outage.name,
        "components": sorted(found.outage.components),
        **{name: _rows(points) for name, points in groups.items()},
        "models": [
            {"model": each.name, "context": each.context, "for": _names(each.readers), **_because(each.because)}
            for each in found.models
        ],
        "goes_on": _rows(found.goes_on),
        "not_fresh": _names(found.not_fresh),
        "unaffected": _names(found.unaffected),
    }


def _rows(points: dict[Point, Reason]) -> list[dict[str, Any]]:
    return [
        {"kind": point.kind, "name": point.name, "context": point.context, **_because(reason)}
        for point, reason in points.items()
    ]


def _because(reason: Reason) -> dict[str, Any]:
    return {"because": list(reason.steps), "basis": reason.basis}


def _names(points: Iterable[Point]) -> list[str]:
    return [point.name for point in points]


def _group(group: Together) -> dict[str, Any]:
    return {"contexts": list(group.contexts), "because": [tie._asdict() for tie in group.ties]}
