"""Relations between the contexts of a system, after Domain-Driven Design (Evans) and Context Mapper.

They are passed to `System(relations=[...])`, or to `Context(relations=[...])` of the downstream context.
"""

from remit.contexts import (
    AntiCorruptionLayer,
    Conformist,
    CustomerSupplier,
    Foreign,
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
    "Foreign",
    "OpenHost",
    "Partnership",
    "Relation",
    "SeparateWays",
    "SharedKernel",
]
