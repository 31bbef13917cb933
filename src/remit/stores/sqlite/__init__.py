"""Stores in SQLite files: one per context, shared by the processes of one machine. This package describes the
technology; `store` opens them."""

from remit.stores.technology import StoreTechnology

__all__ = ["SQLITE"]

SQLITE = StoreTechnology(
    name="sqlite",
    title="SQLite",
    form="sqlite:PATH",
    opens="remit.stores.sqlite.store:open_sqlite",
    durable=True,
    shared_between_processes=True,
    path=True,
    sql=True,
    dialect="sqlite",
)
