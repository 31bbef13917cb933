"""Checks a topology with its system: everything that the start of any of its services would refuse, in one list."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import NamedTuple

from remit.boundaries import check_code, examine_map, with_beside
from remit.errors import ChannelError, Finding, Findings, ModelError
from remit.hosting import System
from remit.hosting.assembly import placed_on
from remit.hosting.failures import Failure
from remit.hosting.finding import find_system
from remit.hosting.granting import findings_on_grants
from remit.hosting.loaded import without_seen
from remit.hosting.technologies import unfit_key
from remit.registry.documents import documents_of_code, languages_of
from remit.topology.file import Topology, examine_topology
from remit.topology.keys import notes_on
from remit.topology.placement import Shapes, hosted_by, place
from remit.topology.shapes import shapes_of

_CERTAIN = frozenset((
    "topology.unknown-name", "topology.absent-component", "topology.placed-twice", "topology.ports",
))  # fmt: skip
"""Findings of a placement that hold whatever stands in the parts of the file that could not be read."""
_PROCESSES = 4
"""The most parts of a system that are checked at the same time."""


def check_system(system: System, map_file: str | None = None) -> Findings:
    """All findings and notes on a system and, if it has relations, on the source text of its contexts. A map file
    beside the system adds to what is derived from it. Imports the contexts; starts and opens nothing."""
    return _with_source(system.check(), _on_source(system, map_file))


def _with_source(findings: Findings, seen: Findings) -> Findings:
    """The findings on a system, and those on its source text. What both have is reported once."""
    files = {each.where.rpartition(":")[0] for each in seen if each.code.startswith("import.")}
    told = {each.code for each in findings.notes if each.code == "owner.missing"}  # a derived map has the same owners
    notes = [*findings.notes, *(each for each in seen.notes if each.code not in told)]
    return Findings(dict.fromkeys([*without_seen(findings, files), *seen]), notes=dict.fromkeys(notes))


def _on_source(system: System, map_file: str | None = None) -> Findings:
    beside = Findings()
    try:
        code = system.code_map()
        if map_file is not None:
            file, beside = examine_map(map_file, code.names)
            code = with_beside(code, file, beside)
    except ModelError as error:
        return Findings(error.findings)
    if beside or not code.relations:
        return beside
    found = check_code(code)
    # the relations are those of the system, and were judged with it
    return Findings(_not_on_relations(found), notes=_not_on_relations(found.notes))


def _not_on_relations(found: list[Finding]) -> Iterator[Finding]:
    return (each for each in found if not each.code.startswith("relation."))


def check_map(path: str) -> tuple[str, Findings]:
    """The name of the code base that a map file describes, and all findings and notes: those on the file, or else those
    on the source text and on language documents. Imports nothing of the code base."""
    try:
        code, findings = examine_map(path)
    except ModelError as error:
        return path, Findings(error.findings)
    if findings:
        return code.name, findings
    found = check_code(code)
    languages_of(documents_of_code(code), found)
    return code.name, found


def check_topology(path: str) -> tuple[str, Findings]:
    """The name of the system that a topology file places (the path of the file if it is unknown), and all findings and
    notes. Imports the contexts; starts and opens nothing."""
    try:
        topology, findings = examine_topology(path, whole=False)
    except ModelError as error:
        return path, Findings(error.findings)
    system = _system_of(topology, findings)
    if system is None:
        return path, findings
    checked = system.check()
    placed = _on_placement(topology, system, has_shapes=not checked)
    placed = [each for each in placed if not findings or each.code in _CERTAIN]
    with_source = _with_source(checked, _on_source(system))
    found = Findings(
        [*findings, *with_source, *placed, *_on_keys(topology)], notes=[*with_source.notes, *notes_on(topology)]
    )
    for of_service in _on_services(topology, system):
        known = {(each.code, each.where) for each in found}
        found += [each for each in of_service if (each.code, each.where) not in known]
    return system.name, found


def _system_of(topology: Topology, findings: Findings) -> System | None:
    if not topology.system:
        return None
    try:
        return find_system(topology.system)
    except Failure as error:
        where = f"{topology.where} system: {error.where}"
        findings.report(error.code, where, error.what, expected=error.expected, next=error.next)
        return None


def _on_placement(topology: Topology, system: System, *, has_shapes: bool) -> list[Finding]:
    """The findings of the placement. Without shapes, those that hold for any contexts of these names."""
    try:
        if has_shapes:
            whole = system.hosting()
            model = whole.model()
            placed = placed_on(topology, model)
            _place_as_services_do(topology, system, shapes_of(model))
            return findings_on_grants(whole, model, placed)
        place(topology, dict.fromkeys(system.names), system.with_edges)
    except ModelError as error:
        return error.findings
    return []


def _on_keys(topology: Topology) -> list[Finding]:
    """The findings on the private keys that this process has."""
    try:
        return [finding for service in topology.services.values() for finding in unfit_key(topology, service)]
    except ChannelError:  # the driver is not installed, which the start of a service reports
        return []


def _place_as_services_do(topology: Topology, system: System, shapes: Shapes) -> None:
    """Places the system as each service does at its start, which has not loaded what only others run. Raises
    `ModelError` with the findings."""
    hosted = [set(hosted_by(each, system.names, ())[0]) for each in topology.services.values()]
    run = set[str]().union(*hosted)
    for mine in hosted:
        seen = {name: shape if name in mine or name not in run else None for name, shape in shapes.items()}
        place(topology, seen, system.with_edges)


class _Part(NamedTuple):
    """What a service hosts: the contexts, and the contexts whose edges it serves."""

    contexts: tuple[str, ...]
    edges: tuple[str, ...]


def _on_services(topology: Topology, system: System) -> Iterator[list[Finding]]:
    """The findings on the part of the system that each service hosts. Where contexts are given by their places, each
    part is checked in a process of its own, because a process must not see modules that only another one imports."""
    parts = {
        _Part(*map(tuple, hosted_by(each, system.names, system.with_edges))) for each in topology.services.values()
    }
    parts.discard(_Part(system.names, tuple(name for name in system.names if name in system.with_edges)))
    check = partial(_on_part, topology.system)
    if not _loads_parts(system) or not parts:
        yield from map(check, sorted(parts))
        return
    with ProcessPoolExecutor(min(_PROCESSES, len(parts)), get_context("spawn")) as processes:
        yield from processes.map(check, sorted(parts))


def _loads_parts(system: System) -> bool:
    """Whether contexts or edges are given by their places, so that a process imports only those that it hosts."""
    loaded = {context.name for context in system.contexts}, {edge.context for edge in system.edges}
    return bool({*system.names} - loaded[0] or system.with_edges - loaded[1])


def _on_part(named: str, part: _Part) -> list[Finding]:
    return list(find_system(named).check(part.contexts, edges=part.edges))
