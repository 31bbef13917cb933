"""The model: the context map with all that follows from it. What runs, places and shows a system reads this."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from remit.contexts.annotations import is_kind, projected_by
from remit.contexts.context import Context
from remit.contexts.declarations import where
from remit.contexts.map import ContextMap
from remit.contexts.ownership import owners_of
from remit.contexts.roles import PROJECTION, Role
from remit.messages import Contract, Message, contract_of, declared_context

__all__ = ["Followed", "Model", "derive"]


class Followed(NamedTuple):
    """An event that a context follows."""

    context: Context[Any]
    role: Role
    event: type[Message]
    follower: Any
    """The function of the reaction, or the class of the projection."""

    @property
    def place(self) -> str:
        return where(self.follower)


@dataclass(frozen=True, eq=False, kw_only=True)
class Model(ContextMap):
    """A system as its declarations say, at one moment. `remit.checks` makes those that hold together."""

    owners: Mapping[type[Message], str]
    """The context of each message that a declaration names."""
    contracts: Mapping[type[Message], Contract]
    """How each of these messages is called on the wire."""
    followed: tuple[Followed, ...]
    """Which events reactions and projections follow."""

    def owner_of(self, message: Any) -> str | None:
        """The context of a message, also of one that no declaration names; None where nothing says."""
        return self.owners.get(message) or (declared_context(message) if is_kind(message, Message) else None)


def derive(declared: ContextMap) -> Model:
    """The model of a context map, whether it holds together or not."""
    owners = owners_of((*declared.contexts, *declared.beside))
    contracts = {message: contract_of(message, owner) for message, owner in owners.items()}
    return Model(
        **vars(declared),
        owners=MappingProxyType(owners),
        contracts=MappingProxyType(contracts),
        followed=tuple(each for context in declared.contexts for each in _followed(context)),
    )


def _followed(context: Context[Any]) -> Iterator[Followed]:
    for handler in context.handlers:
        if handler.role.follows and handler.fits:
            yield Followed(context, handler.role, handler.message, handler.function)
    for projection in context.projections:
        for event in projected_by(projection):
            yield Followed(context, PROJECTION, event, projection)
