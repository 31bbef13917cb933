"""Which contexts run in which process of a simulated cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from remit.testing.simulation.cluster.choices import Choices

__all__ = ["ClusterPlacement", "Spot", "apart", "together", "with_edges"]

SKEWS = (0.0, 0.0, 86_400.0, -86_400.0)
"""By how many seconds the clock of a machine may be wrong."""


@dataclass(frozen=True)
class Spot:
    """A place of a process, for one incarnation after another."""

    name: str
    contexts: tuple[str, ...]
    machine: str = ""
    """Processes on one machine see which of the others have ended."""
    skew: float = 0.0
    """By how many seconds its wall clock is wrong."""
    runs: Mapping[str, tuple[str, ...]] | None = None
    """The components of each context that run there; None for all."""

    @property
    def does(self) -> tuple[Any, ...]:
        """What a process there runs: equal for replicas."""
        return self.contexts, self.runs


@dataclass(frozen=True)
class ClusterPlacement:
    """All processes of a cluster."""

    spots: Sequence[Spot]
    leased: bool
    """Without leases, all processes run everything, and only checkpoints keep the stores correct."""


def together(choices: Choices, contexts: Sequence[str]) -> ClusterPlacement:
    """One to three processes on one machine, each with all contexts, on the same stores."""
    leased = choices.draw("leases", 3) == 2
    spots = [Spot(f"n{number + 1}", tuple(contexts)) for number in range(1 + choices.draw("nodes", 3))]
    return ClusterPlacement(spots, leased)


def apart(choices: Choices, contexts: Sequence[str], layers: Sequence[str] = ()) -> ClusterPlacement:
    """Contexts in different processes, two replicas of each, on separate machines with separate clocks. The component
    `acl` of a context of `layers` may have processes of its own."""
    cuts = [cut for cut in _cuts(tuple(contexts)) if len(cut) > 1 or len(contexts) == 1]
    cut = cuts[choices.draw("cut", len(cuts))]
    names = [(group, f"{group[0]}{number + 1}") for group in cut for number in range(2)]
    alone = [name for name in layers if choices.draw("layer", 3)]
    spots = [_spot(choices, name, group, alone) for group, name in names]
    spots += [
        replace(_spot(choices, f"{context}-acl{number + 1}", (context,), ()), runs={context: ("acl",)})
        for context in alone
        for number in range(2)
    ]
    return ClusterPlacement(spots, True)


def _spot(choices: Choices, name: str, group: tuple[str, ...], alone: Sequence[str]) -> Spot:
    """A process of these contexts, without the components `acl` of those in `alone`."""
    runs = {each: ("write", "read") if each in alone else ("write", "read", "acl") for each in group}
    skew = SKEWS[choices.draw("clock", len(SKEWS))]
    return Spot(name, group, name, skew, runs if set(group) & set(alone) else None)


def with_edges(choices: Choices, placement: ClusterPlacement) -> ClusterPlacement:
    """Two processes more, which run no context and call all of them, as a service does that runs only edges."""
    names = ("edge1", "edge2")
    edges = [Spot(name, (), name, SKEWS[choices.draw("clock", len(SKEWS))]) for name in names]
    return ClusterPlacement([*placement.spots, *edges], placement.leased)


def _cuts(contexts: tuple[str, ...]) -> Iterator[list[tuple[str, ...]]]:
    """All ways to partition contexts into groups."""
    if not contexts:
        yield []
        return
    for cut in _cuts(contexts[:-1]):
        for at, group in enumerate(cut):
            yield [*cut[:at], (*group, contexts[-1]), *cut[at + 1 :]]
        yield [*cut, contexts[-1:]]
