"""Parses the address of a context's tables: a database, and a schema in it."""

from __future__ import annotations

from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from remit.errors import StoreError
from remit.stores.technology import StoreAddress

_WHICH_DATABASE = ("host", "port", "dbname", "database")
"""Options of an address that identify the database and hold no secret."""

_LONGEST = 63
"""The most bytes of a name in PostgreSQL, which silently cuts longer ones."""


def address_of(address: StoreAddress | str, context: str) -> StoreAddress:
    """Parses `postgresql://USER@HOST/DATABASE?schema=NAME`; the default schema is the context's name. Returns a parsed
    address as it is.

    Raises `StoreError` for another form.
    """
    if isinstance(address, StoreAddress):
        return address
    parts = _parts(address)
    options = parse_qsl(parts.query, keep_blank_values=True)
    known = dict(options)
    schema = known.get("schema", context)
    if not 0 < len(schema.encode()) <= _LONGEST:
        raise _unfit(_shown(parts))
    text = urlunsplit(parts._replace(query=urlencode([(name, value) for name, value in options if name != "schema"])))
    which = urlencode({name: known[name] for name in _WHICH_DATABASE if name in known})
    database = f"{_shown(parts)}{'?' if which else ''}{which}"
    user = unquote(parts.username or "") or known.get("user", "")
    return StoreAddress(text, f"{database} schema {schema}", "", database, schema, user)


def _parts(address: str) -> SplitResult:
    """Refuses an `@` behind the host: it belongs to a password that is not encoded, so the host is wrong too."""
    try:
        parts = urlsplit(address)
    except ValueError:
        raise _unreadable() from None
    if "@" in parts.path + parts.query + parts.fragment or not address.startswith(("postgresql://", "postgres://")):
        raise _unreadable()
    return parts


def _unreadable() -> StoreError:
    return StoreError(
        "this is not the address of a database (it is not shown)", where="store",
        expected="postgresql://USER:PASSWORD@HOST/DATABASE",
        next="percent-encode special characters in the password: @ is %40",
    )  # fmt: skip


def _unfit(where: str) -> StoreError:
    return StoreError(
        "this address does not name a PostgreSQL schema", where=where,
        expected=f"postgresql://USER@HOST/DATABASE?schema=NAME, with a name of at most {_LONGEST} bytes",
        next="correct the address; the schema may be left out",
    )  # fmt: skip


def _shown(parts: SplitResult) -> str:
    """The address without its secrets."""
    return f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}"


def text(value: str) -> str:
    """A string literal in SQL."""
    return "'" + value.replace("'", "''") + "'"
