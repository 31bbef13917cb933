"""Which contexts move together: a change or an outage of one of them concerns all."""

from __future__ import annotations

from typing import NamedTuple

from remit.advisor.points import Basis, Interactions
from remit.contexts import Partnership, SharedKernel


class Tie(NamedTuple):
    """Why one context cannot move without another."""

    context: str
    other: str
    why: str
    basis: Basis = "declared"


class Together(NamedTuple):
    """Contexts each of which depends on each other one, directly or through others."""

    contexts: tuple[str, ...]
    ties: tuple[Tie, ...]
    """The ties inside of the group."""


def together(interactions: Interactions) -> list[Together]:
    """The groups of two and more contexts that move together: contexts that call one another in a circle, partners, and
    those that share a kernel. They are the strongly connected components of the ties."""
    ties = _ties(interactions)
    reach = {name: _reached(name, ties) for name in interactions.contexts}
    groups: dict[tuple[str, ...], None] = {}
    for name in interactions.contexts:
        groups[tuple(each for each in interactions.contexts if each in reach[name] and name in reach[each])] = None
    return [
        Together(group, tuple(tie for tie in ties if tie.context in group and tie.other in group))
        for group in groups
        if len(group) > 1
    ]


def _ties(interactions: Interactions) -> list[Tie]:
    found: dict[Tie, None] = {}
    for point in interactions.points:
        for message, basis in point.calls.items():
            owner = interactions.messages.get(message, point.context)
            if owner != point.context and point.kind != "route":
                found[Tie(point.context, owner, f"{point.name} calls {message}", basis)] = None
    for relation in interactions.relations:
        if isinstance(relation, Partnership | SharedKernel):
            one, other = relation.names
            kind = type(relation).__name__
            found |= {Tie(one, other, kind): None, Tie(other, one, kind): None}
    return list(found)


def _reached(name: str, ties: list[Tie]) -> set[str]:
    """The contexts that one depends on, with itself."""
    following: dict[str, set[str]] = {}
    for tie in ties:
        following.setdefault(tie.context, set()).add(tie.other)
    reached, waiting = {name}, [name]
    while waiting:
        for other in following.get(waiting.pop(), set()) - reached:
            reached.add(other)
            waiting.append(other)
    return reached
