"""The contexts that use an open host: in CML they are downstream of it, in a relationship without their own role."""

from __future__ import annotations

from typing import TYPE_CHECKING

from remit.errors import Findings, ModelError
from remit.relations import AntiCorruptionLayer, Conformist, CustomerSupplier, OpenHost, Partnership, SeparateWays
from remit_design.cml.facts import Facts
from remit_design.spelling import Spelling

if TYPE_CHECKING:  # a map is exported without what runs a system
    from remit.hosting import System

_SAID = (CustomerSupplier, Conformist, AntiCorruptionLayer)
"""Relations that say themselves that a context is downstream of the host."""
_MUTUAL = (Partnership, SeparateWays)
"""Relations beside which CML has no open host of the same two contexts."""


def guests_of(system: System, found: Findings) -> list[Facts]:
    """A relationship for each context that uses an open host, and of which no relation says so.

    A system with findings has none: it is noted in `found` that they are not known.
    """
    code = system.code_map()
    relations, spelling = code.relations, Spelling(code)
    hosts = {each.names[0] for each in relations if isinstance(each, OpenHost)}
    if not hosts:
        return []
    try:
        used = _used(system)
    except ModelError:
        what = "the contexts that use an open host: they are not known while remit check has findings"
        found.note("cml.not-written", f"System({system.name!r})", what)
        return []
    said = {each.names for each in relations if isinstance(each, _SAID)}
    said |= {pair for each in relations if isinstance(each, _MUTUAL) for pair in (each.names, each.names[::-1])}
    return [
        {
            "kind": "upstream-downstream",
            "upstream": spelling.party(host),
            "downstream": spelling.party(guest),
            "upstreamRoles": ["OHS", "PL"],
        }
        for host, guest in used
        if host in hosts and (host, guest) not in said
    ]


def _used(system: System) -> list[tuple[str, str]]:
    """Each context of which another one uses messages, with that other one. Raises `ModelError`."""
    from remit.contexts.integrations import integrations_of

    return sorted({(each.owner, each.consumer) for each in integrations_of(system.model())})
