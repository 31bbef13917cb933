"""Where a context's tables are: an address of a database, and a schema in it."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from remit.errors import StoreError

__all__ = ["Place", "place_of", "quoted"]

_LONGEST = 63
"""Bytes of a name in PostgreSQL; longer ones would be cut off without a word."""


class Place(NamedTuple):
    """A schema of a database. `where` names both, without the password."""

    address: str
    schema: str
    where: str


def place_of(address: str, context: str) -> Place:
    """The place named by `postgresql://USER@HOST/DATABASE?schema=NAME`; the schema is the context's name unless given.

    Raises `StoreError` for what is no such address.
    """
    parts = urlsplit(address)
    options = parse_qsl(parts.query, keep_blank_values=True)
    schema = dict(options).get("schema", context)
    if parts.scheme not in ("postgresql", "postgres") or not 0 < len(schema.encode()) <= _LONGEST:
        raise StoreError(
            "this is no address of a PostgreSQL schema",
            where=_shown(address),
            expected=f"postgresql://USER@HOST/DATABASE?schema=NAME, with a name of at most {_LONGEST} bytes",
            next="correct the address; the schema may be left out",
        )
    query = urlencode([(name, value) for name, value in options if name != "schema"])
    return Place(urlunsplit(parts._replace(query=query)), schema, f"{_shown(address)} schema {schema}")


def _shown(address: str) -> str:
    """The address without what may be secret."""
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))


def quoted(name: str) -> str:
    """A name as SQL text."""
    return '"' + name.replace('"', '""') + '"'
