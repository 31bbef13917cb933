"""Stores in memory, each within one process. This package describes the technology; `store` opens them."""

from remit.stores.technology import StoreTechnology

__all__ = ["MEMORY"]

MEMORY = StoreTechnology(
    name="memory",
    title="memory",
    form="memory:",
    opens="remit.stores.memory.store:open_memory",
    durable=False,
    shared_between_processes=False,
    sql=True,
    dialect="sqlite",
)
