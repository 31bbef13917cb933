"""Relations between contexts, by the names of the field. A context may be given itself or by its name."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from remit.contexts.context import Context

__all__ = [
    "AntiCorruptionLayer",
    "Conformist",
    "CustomerSupplier",
    "OpenHost",
    "Partnership",
    "Relation",
    "SeparateWays",
    "SharedKernel",
]


@dataclass(frozen=True)
class Relation:
    """How contexts stand to each other. Its fields are the contexts, by the roles they have."""

    @property
    def parties(self) -> tuple[Context[Any] | str, ...]:
        """The contexts, in the order of the fields."""
        return tuple(getattr(self, role.name) for role in fields(self))


@dataclass(frozen=True)
class OpenHost(Relation):
    """The context serves everybody by its published language."""

    host: Context[Any] | str


@dataclass(frozen=True, kw_only=True)
class CustomerSupplier(Relation):
    """The supplier takes the customer's needs into its plans; the customer depends on it."""

    supplier: Context[Any] | str
    customer: Context[Any] | str


@dataclass(frozen=True, kw_only=True)
class _Downstream(Relation):
    upstream: Context[Any] | str
    downstream: Context[Any] | str


class Conformist(_Downstream):
    """The downstream takes the upstream's model as it is."""


class AntiCorruptionLayer(_Downstream):
    """The downstream translates the upstream's model into its own words."""


@dataclass(frozen=True)
class _Mutual(Relation):
    one: Context[Any] | str
    other: Context[Any] | str


class Partnership(_Mutual):
    """Two contexts that succeed or fail together."""


class SharedKernel(_Mutual):
    """Two contexts that share a small part of their model."""


class SeparateWays(_Mutual):
    """Two contexts that have decided not to integrate."""
