"""Schemas and roles of contexts in PostgreSQL: what `remit migrate` applies and prints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from remit.errors import StoreError
from remit.stores import RowTable
from remit.stores.postgres import roles, rows, schema
from remit.stores.postgres.place import address_of
from remit.stores.technology import StoreAddress
from remit.topology.secret import Secret
from remit.topology.stores import Reader, StorePlace


class Migrated(NamedTuple):
    """The version of the schema of a context before (0 if there was none) and after a migration."""

    context: str
    store: str
    before: int
    after: int
    tables: Sequence[str] = ()
    """The tables of row models that were made, or that got an index."""


async def migrate(
    context: str, store: StorePlace, administrator: Secret | None = None, tables: Sequence[RowTable] = ()
) -> Migrated:
    """Makes or migrates the schema of a context, and makes missing tables of its row models.

    Raises `StoreError` (the schema belongs to something else or is newer; missing rights; wrong credentials) and
    `StoreUnavailable`.
    """
    entered = _entered(store, administrator)
    before, after = await schema.migrate(entered, context)
    return Migrated(context, store.shown, before, after, await rows.make(entered, tables))


async def contexts_in(store: StorePlace) -> list[str]:
    """The contexts that have a schema in the database of a store, as far as the user of its address may see them.

    Raises `StoreError` and `StoreUnavailable`.
    """
    return await schema.contexts(store)


def migration(context: str, store: StorePlace, tables: Sequence[RowTable] = ()) -> str:
    """The SQL that makes or migrates the schema of a context, and the tables of its row models, in one transaction."""
    made = schema.script(store.schema, context) + rows.script(store.schema, tables)
    return f"-- {context}: {store.shown}\nBEGIN;\n{made}COMMIT;\n"


def rights(context: str, store: StorePlace) -> str:
    """The SQL that gives the user in the address of a store the rights that a context needs, and no others.

    Raises `StoreError` for an address without a user.
    """
    if not store.user:
        raise StoreError(
            f"the address of the store of {context} names no user", where=store.shown,
            expected="a user for each context", next="postgresql://{context}:${PASSWORD}@HOST/DATABASE",
        )  # fmt: skip
    return f"-- {context}: {store.shown}\n{roles.role(store.schema, store.user)}"


def reading(source: str, store: StorePlace, readers: Iterable[Reader]) -> str:
    """The SQL that lets the users of other contexts read what a context publishes."""
    grants = (roles.reader(store.schema, reader.user, reader.context) for reader in readers)
    return f"-- {source}, for those who follow it\n" + "".join(grants)


async def apply_rights(
    stores: Mapping[str, StorePlace], readers: Mapping[str, Sequence[Reader]], administrator: Secret | None
) -> None:
    """Executes the SQL of `rights` for each context, then of `reading` for its readers. Raises `StoreError` and
    `StoreUnavailable`."""
    for context, store in stores.items():
        await roles.apply(_entered(store, administrator), rights(context, store))
    for source, others in readers.items():
        if source in stores:
            grants = reading(source, stores[source], others)
            await roles.apply(_entered(stores[source], administrator), grants)


def _entered(store: StorePlace, administrator: Secret | None) -> StoreAddress:
    """The address of a store. With `administrator`, that address instead, but in the database of the store."""
    _ = store.url.value  # raises an error that names a missing variable
    if administrator is None:
        return store
    address = urlsplit(address_of(administrator.value, store.schema).text)
    return replace(store, text=urlunsplit(address._replace(path=urlsplit(store.text).path)))
