"""Relations between bounded contexts, after Domain-Driven Design (Evans) and Context Mapper.

A relation stands in the `System`, or in the downstream `Context` itself. Adding a consumer never changes its publisher.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol, TypeAlias

from remit.messages import Message


class Named(Protocol):
    """A bounded context, as far as relations know it."""

    name: str

    @property
    def handlers(self) -> list[Any]:
        """Its handlers. Only an instance has them, so that the class `Context` is no party."""
        ...


Party: TypeAlias = "Named | str"
"""A context, or its name."""
Messages: TypeAlias = "Sequence[type[Message] | str]"
"""Messages, or their names."""


@dataclass(frozen=True)
class Foreign:
    """Something that other people run, and that is no context of any system: a payment gateway, a partner's API."""

    name: str


@dataclass(frozen=True)
class Relation:
    """A relation between contexts."""

    _roles: ClassVar[tuple[str, ...]] = ()
    """The names of the fields that hold its parties."""
    _is_directed: ClassVar[bool] = False
    """Whether its parties are upstream and downstream, in this order."""

    def __post_init__(self) -> None:
        for each in fields(self):
            if isinstance(getattr(self, each.name), list):
                object.__setattr__(self, each.name, tuple(getattr(self, each.name)))

    @property
    def parties(self) -> tuple[Party | Foreign, ...]:
        """The parties, in the order of the parameters."""
        return tuple(getattr(self, role) for role in self._roles)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parties, in the order of the parameters."""
        return tuple(party if isinstance(party, str) else party.name for party in self.parties)

    @property
    def direction(self) -> tuple[str, str] | None:
        """The names of the upstream and the downstream context. None for an open host, which has no single downstream,
        and for a relation of equals."""
        return (self.names[0], self.names[1]) if self._is_directed else None

    @property
    def is_mutual(self) -> bool:
        """Whether it is a relation of two equals: neither is upstream."""
        return len(self._roles) == 2 and not self._is_directed


@dataclass(frozen=True)
class OpenHost(Relation):
    """The host serves every other context by its published language.

    `exposes` are the messages that it serves. None: its whole published language.
    """

    _roles = ("host",)
    host: Party
    exposes: Messages | None = None


@dataclass(frozen=True, kw_only=True)
class CustomerSupplier(Relation):
    """The supplier considers the needs of the customer in its plans; the customer depends on the supplier.

    `uses` are the messages of the supplier that the customer uses. None: its whole published language.
    """

    _roles = ("supplier", "customer")
    _is_directed = True
    supplier: Party
    customer: Party
    uses: Messages | None = None


@dataclass(frozen=True, kw_only=True)
class Conformist(Relation):
    """The downstream context adopts the model of the upstream context. `uses` as in `CustomerSupplier`."""

    _roles = ("upstream", "downstream")
    _is_directed = True
    upstream: Party
    downstream: Party
    uses: Messages | None = None


@dataclass(frozen=True, kw_only=True)
class AntiCorruptionLayer(Relation):
    """The downstream context translates the model of the upstream context into its own language.

    The translation stands in `module` (its dotted name): no other module of the downstream context knows the upstream
    context. `uses` as in `CustomerSupplier`.
    """

    _roles = ("upstream", "downstream")
    _is_directed = True
    upstream: Party | Foreign
    downstream: Party
    module: str = ""
    uses: Messages | None = None


@dataclass(frozen=True)
class Partnership(Relation):
    """Two contexts that succeed or fail together. `uses` are the messages of both that the other one uses. None: their
    whole published languages."""

    _roles = ("one", "other")
    one: Party
    other: Party
    uses: Messages | None = None


@dataclass(frozen=True)
class SharedKernel(Relation):
    """Two contexts that share a small part of their model: the Python package `package` and the tables `tables`.

    `hash` is the content of the package as both sides last agreed on it. `remit check` prints the present one.
    """

    _roles = ("one", "other")
    one: Party
    other: Party
    package: str = ""
    tables: Sequence[str] = ()
    hash: str = ""


@dataclass(frozen=True)
class SeparateWays(Relation):
    """Two contexts that have decided not to integrate."""

    _roles = ("one", "other")
    one: Party
    other: Party


def listed(relations: Any) -> tuple[Any, ...]:
    """The relations that were given. What is no list is taken as one of them, which the check then reports."""
    if not isinstance(relations, Iterable):
        return (relations,)
    several: Iterable[Any] = relations  # pyright: ignore[reportUnknownVariableType]  # of any
    return tuple(several)
