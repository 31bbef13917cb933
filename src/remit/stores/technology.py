"""Describes kinds of stores as data, for the plan, the errors and the pages, without loading a driver.

A technology is one folder. Its package holds only the description, and refers to the function that opens its stores as
`module:attribute`. Technologies of other distributions are found by entry points of the group `remit.stores`, under the
scheme of their addresses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from remit.log import Log


@dataclass(frozen=True)
class StoreAddress:
    """The address of a context's store, parsed once."""

    text: str = field(repr=False)
    """The full address, which opens the store. The only field that may hold a secret."""
    shown: str
    """What may be shown of the address. Addresses of the same tables look alike."""
    path: str = ""
    """The file, for a store in a file."""
    database: str = ""
    """The database, for a schema in one, as far as the address tells."""
    schema: str = ""
    user: str = ""
    """The user in the address; empty if there is none."""


class PublishedLogs(Protocol):
    """Reads what other contexts have published in the same database, without a broker. Connects on first use."""

    def of(self, source: str, schema: str) -> Log:
        """The published channel of a context, in its schema."""
        ...

    async def close(self) -> None:
        """Disconnects. Idempotent."""
        ...


@dataclass(frozen=True)
class StoreTechnology:
    """A kind of store: its name, how it is opened, and what it can do."""

    name: str
    """The scheme of its addresses."""
    title: str
    """As people call it: "stores in PostgreSQL"."""
    form: str
    """The form of an address, for error texts: `sqlite:PATH`, or `NAME:` if its addresses hold nothing else."""
    opens: str
    """A reference to a function that makes a `Store`, not yet open, from a `StoreAddress` and the context's name."""
    durable: bool
    shared_between_processes: bool
    roles: bool = False
    """Whether each context connects with credentials of its own, which reach no other context's store."""
    sql: bool = False
    """Whether handlers may run SQL statements in it: it is an `SqlStore`."""
    sql_of_several: bool = False
    """Whether the statements of handlers of several messages may share a transaction at no greater cost."""
    dialect: str = ""
    """Whose SQL it runs, as SQLAlchemy names it: `postgresql` or `sqlite`. Empty: handlers get no session of it."""
    apart: bool = False
    """Whether it is in another process, so that each access is a round trip."""
    schemas: bool = False
    """Whether `remit migrate` makes its tables and its roles' rights; otherwise opening the store does."""
    path: bool = False
    """Whether the address holds the path of a file. A relative path starts at the folder of the topology file."""
    published: str = ""
    """A reference to a function that makes the `PublishedLogs` of a database, with the same arguments as `opens`. With
    it, the technology's name can stand for a channel: `events = "NAME"`."""
    install: str = ""
    """What pip installs to bring its driver: `remit[postgres]`."""
    parts: Callable[[str, str], StoreAddress] | None = None
    """Parses an address, given the context's name; raises `StoreError`. Without it, an address is shown whole."""

    def fits(self, address: str) -> bool:
        """Whether the address has something after the scheme exactly if it needs to."""
        return bool(address.partition(":")[2]) is (self.form != f"{self.name}:")

    def address(self, address: str, context: str) -> StoreAddress:
        """Parses the address of a context's store. Raises `StoreError`."""
        if self.parts is not None:
            return self.parts(address, context)
        return StoreAddress(address, address, address.partition(":")[2] if self.path else "")
