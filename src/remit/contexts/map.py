"""The context map: contexts and the relations between them, as they were declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from remit.contexts.context import Context
from remit.contexts.edges import ClientOf, HttpEdge
from remit.contexts.relations import Relation


@dataclass(frozen=True, eq=False, kw_only=True)
class ContextMap:
    """The contexts and relations of a system."""

    name: str
    contexts: tuple[Context[Any], ...]
    stated: tuple[Relation, ...] = ()
    """The relations that the system states. Others are stated by the contexts."""
    elsewhere: tuple[str, ...] = ()
    """The names of contexts of the system that are not loaded in this process: other processes host them."""
    beside: tuple[Context[Any], ...] = ()
    """Contexts that other processes host, but whose declarations are loaded in this process."""
    edges: tuple[HttpEdge, ...] = ()
    """The edges that are loaded in this process."""
    edges_elsewhere: tuple[str, ...] = ()
    """The contexts whose edge is not loaded in this process: other processes host it."""
    client_of: ClientOf | None = None
    """Identifies the clients of the HTTP edge. None: clients are identified by their credentials."""
    headers: tuple[str, ...] = ()
    """The request headers that are passed on to every handler that a request reaches, by lower-case name."""

    granted: Mapping[str, Mapping[str, Sequence[str]]] | None = None
    """What each context may use of each other one, from the whole map, in a process that does not know all of it.
    None: what the relations say that are known here."""

    @property
    def relations(self) -> tuple[Relation, ...]:
        """The relations that the system and its loaded contexts state."""
        return (*self.stated, *(each for context in (*self.contexts, *self.beside) for each in context.relations))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all contexts of the system."""
        return (*(context.name for context in self.contexts), *self.elsewhere)

    @property
    def with_edges(self) -> frozenset[str]:
        """The names of the contexts that have an edge, whether it is loaded here or not."""
        return frozenset((*(edge.context for edge in self.edges), *self.edges_elsewhere))
