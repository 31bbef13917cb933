"""Where a context's tables are: an address of a database, and a schema in it."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from remit.errors import StoreError
from remit.stores.technology import StoreAddress

_WHICH_DATABASE = ("host", "port", "dbname", "database")
"""Options of an address that say which database it is, and hold no secret."""

_LONGEST = 63
"""Bytes of a name in PostgreSQL; longer ones would be cut off without a word."""


class Place(NamedTuple):
    """A schema of a database. `where` names both, without the password."""

    address: str
    schema: str
    where: str

    def __repr__(self) -> str:
        return f"Place({self.where})"


def place_of(address: str, context: str) -> Place:
    """The place named by `postgresql://USER@HOST/DATABASE?schema=NAME`; the schema is the context's name unless given.

    Raises `StoreError` for what is no such address.
    """
    parts = _parts(address)
    options = parse_qsl(parts.query, keep_blank_values=True)
    schema = dict(options).get("schema", context)
    if parts.scheme not in ("postgresql", "postgres") or not 0 < len(schema.encode()) <= _LONGEST:
        raise _unfit(_shown(parts))
    query = urlencode([(name, value) for name, value in options if name != "schema"])
    return Place(urlunsplit(parts._replace(query=query)), schema, f"{_shown(parts)} schema {schema}")


def parts_of(address: str, context: str) -> StoreAddress:
    """What an address says, without what is secret in it. Raises `StoreError` for what is none."""
    parts = _parts(address)
    if not address.startswith("postgresql://"):
        raise _unreadable()
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    which = urlencode({name: options[name] for name in _WHICH_DATABASE if name in options})
    database = f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}{'?' if which else ''}{which}"
    schema = options.get("schema", context)
    user = unquote(parts.username or "") or options.get("user", "")
    return StoreAddress(f"{database} schema {schema}", "", database, schema, user)


def _parts(address: str) -> SplitResult:
    """An `@` behind the host is one of a password that is not encoded: what stands before it is no host."""
    try:
        parts = urlsplit(address)
    except ValueError:
        raise _unreadable() from None
    if "@" in parts.path + parts.query + parts.fragment:
        raise _unreadable()
    return parts


def _unreadable() -> StoreError:
    return StoreError(
        "this is no address of a database (it is not shown)", where="store",
        expected="postgresql://USER:PASSWORD@HOST/DATABASE",
        next="percent-encode what is special in a password: @ is %40",
    )  # fmt: skip


def _unfit(where: str) -> StoreError:
    return StoreError(
        "this is no address of a PostgreSQL schema", where=where,
        expected=f"postgresql://USER@HOST/DATABASE?schema=NAME, with a name of at most {_LONGEST} bytes",
        next="correct the address; the schema may be left out",
    )  # fmt: skip


def _shown(parts: SplitResult) -> str:
    """The address without what may be secret."""
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))


def text(value: str) -> str:
    """A text as SQL text."""
    return "'" + value.replace("'", "''") + "'"
