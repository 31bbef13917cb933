"""Relations between contexts, by the names of the field."""

from __future__ import annotations

from dataclasses import dataclass
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
class OpenHost:
    """The context serves everybody by its published language."""

    host: Context[Any]

    @property
    def parties(self) -> tuple[Context[Any], ...]:
        return (self.host,)


@dataclass(frozen=True, kw_only=True)
class CustomerSupplier:
    """The supplier takes the customer's needs into its plans; the customer depends on it."""

    supplier: Context[Any]
    customer: Context[Any]

    @property
    def parties(self) -> tuple[Context[Any], ...]:
        return (self.supplier, self.customer)


@dataclass(frozen=True, kw_only=True)
class Conformist:
    """The downstream takes the upstream's model as it is."""

    upstream: Context[Any]
    downstream: Context[Any]

    @property
    def parties(self) -> tuple[Context[Any], ...]:
        return (self.upstream, self.downstream)


@dataclass(frozen=True, kw_only=True)
class AntiCorruptionLayer:
    """The downstream translates the upstream's model into its own words."""

    upstream: Context[Any]
    downstream: Context[Any]

    @property
    def parties(self) -> tuple[Context[Any], ...]:
        return (self.upstream, self.downstream)


@dataclass(frozen=True)
class Partnership:
    """Two contexts that succeed or fail together."""

    one: Context[Any]
    other: Context[Any]

    @property
    def parties(self) -> tuple[Context[Any], ...]:
        return (self.one, self.other)


@dataclass(frozen=True)
class SharedKernel:
    """Two contexts that share a small part of their model."""

    one: Context[Any]
    other: Context[Any]

    @property
    def parties(self) -> tuple[Context[Any], ...]:
        return (self.one, self.other)


@dataclass(frozen=True)
class SeparateWays:
    """Two contexts that have decided not to integrate."""

    one: Context[Any]
    other: Context[Any]

    @property
    def parties(self) -> tuple[Context[Any], ...]:
        return (self.one, self.other)


Relation = OpenHost | CustomerSupplier | Conformist | AntiCorruptionLayer | Partnership | SharedKernel | SeparateWays
