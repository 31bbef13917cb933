"""How the contexts of a system stand to each other: the relations of a context map, after Evans and Context Mapper.

They are handed to `System(relations=[...])`.
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
