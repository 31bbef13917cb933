"""Relations between the contexts of a system, after Domain-Driven Design (Evans) and Context Mapper.

They are passed to `System(relations=[...])`.
"""

from remit.contexts import (
    AntiCorruptionLayer,
    Conformist,
    CustomerSupplier,
    OpenHost,
    Partnership,
    Relation,
    SeparateWays,
    SharedKernel,
)

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
