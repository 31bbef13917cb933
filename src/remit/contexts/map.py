"""The context map: contexts and their relations, as they were declared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from remit.contexts.context import Context
from remit.contexts.declarations import ClientOf
from remit.contexts.relations import Relation

__all__ = ["ContextMap"]


@dataclass(frozen=True, eq=False, kw_only=True)
class ContextMap:
    """Contexts and relations."""

    name: str
    contexts: tuple[Context[Any], ...]
    relations: tuple[Relation, ...] = ()
    elsewhere: tuple[str, ...] = ()
    """The names of contexts that belong to the system and are not known here: other processes host them."""
    beside: tuple[Context[Any], ...] = ()
    """Those of the contexts elsewhere whose declarations are known here all the same."""
    client_of: ClientOf | None = None
    """Tells clients of the HTTP edge apart; None where their credentials do."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all contexts of the system."""
        return (*(context.name for context in self.contexts), *self.elsewhere)
