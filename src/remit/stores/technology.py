"""What a kind of store says of itself: data, which the plan, the errors and the pages read. No driver is loaded for it.

A technology is one folder. Its package holds the description and nothing else, and names what opens its stores by
reference, `module:attribute`. Those of other distributions are found by entry points of the group `remit.stores`, under
the scheme of their addresses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from remit.log import Log


@dataclass(frozen=True)
class StoreAddress:
    """The address of a context's store, taken apart: once, and carried to what opens it."""

    text: str = field(repr=False)
    """What opens it. Nothing else of it is secret."""
    shown: str
    """What may be shown of the address. Two addresses with the same tables are shown alike."""
    path: str = ""
    """The file, of a store in one."""
    database: str = ""
    """Of a schema in a database: which database, as far as the address tells."""
    schema: str = ""
    user: str = ""
    """As whom the database is entered; empty where the address does not say."""


class PublishedLogs(Protocol):
    """What other contexts have published in the database that a context enters: the database as the broker. Nothing is
    opened before it is used."""

    def of(self, source: str, schema: str) -> Log:
        """The published channel of a context, in its schema."""
        ...

    async def close(self) -> None:
        """Disconnects. Idempotent."""
        ...


@dataclass(frozen=True)
class StoreTechnology:
    """A kind of store: how it is named and opened, and what it can do, whatever its place."""

    name: str
    """The scheme of its addresses."""
    title: str
    """As people call it: "stores in PostgreSQL"."""
    form: str
    """How an address looks, for who has written another one: `sqlite:PATH`. One without a place is `NAME:`."""
    opens: str
    """A reference to what makes a store, not yet opened, of its `StoreAddress` and the name of its context. Called with
    both, it returns a `Store`."""
    durable: bool
    shared_between_processes: bool
    roles: bool = False
    """Whether each context enters it with credentials of its own, which reach no other context's store."""
    sql: bool = False
    """Whether handlers may run statements of their own in it: it is an `SqlStore`."""
    apart: bool = False
    """Whether it is in another process: each question is a round trip."""
    schemas: bool = False
    """Whether `remit migrate` makes its tables, and the rights of its roles; otherwise a store that is opened does."""
    path: bool = False
    """Whether a file's path stands behind the scheme. A relative one begins at the folder of the topology file."""
    published: str = ""
    """A reference to what reads in a database what other contexts have published there (`PublishedLogs`), made of the
    same two arguments. With it the name of the technology stands for a channel: `events = "NAME"`."""
    install: str = ""
    """What pip installs to bring its driver: `remit[postgres]`."""
    parts: Callable[[str, str], StoreAddress] | None = None
    """Takes an address apart, with the name of the context; `StoreError` where that cannot be done. Without it, all of
    an address may be shown."""

    def fits(self, address: str) -> bool:
        """Whether something stands behind the scheme, if and only if something has to."""
        return bool(address.partition(":")[2]) is (self.form != f"{self.name}:")

    def address(self, address: str, context: str) -> StoreAddress:
        """The address of a context's store, taken apart. Raises `StoreError`."""
        if self.parts is not None:
            return self.parts(address, context)
        return StoreAddress(address, address, address.partition(":")[2] if self.path else "")
