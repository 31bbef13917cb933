"""Stores in PostgreSQL: a schema per context, shared by processes on any number of machines. This package describes the
technology; `store` opens them."""

from remit.stores.technology import StoreAddress, StoreTechnology

__all__ = ["POSTGRESQL"]


def _parts(address: str, context: str) -> StoreAddress:
    from remit.stores.postgres.place import address_of  # loads URL parsing only if it is needed

    return address_of(address, context)


POSTGRESQL = StoreTechnology(
    name="postgresql",
    title="PostgreSQL",
    form="postgresql://USER@HOST/DATABASE",
    opens="remit.stores.postgres.store:PostgresStore",
    durable=True,
    shared_between_processes=True,
    roles=True,
    sql=True,
    sql_of_several=True,
    dialect="postgresql",
    apart=True,
    schemas=True,
    published="remit.stores.postgres.published:PostgresPublishedLogs",
    install="remit[postgres]",
    parts=_parts,
)
