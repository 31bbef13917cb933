"""Where a topology says that stores are. An address may hold a password; what is shown of it does not."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

from remit.errors import StoreError
from remit.topology.secret import Secret

__all__ = ["Reader", "StorePlace", "store_at"]

_WHICH_DATABASE = ("host", "port", "dbname", "database")
"""Options of an address that say which database it is, and hold no secret."""


class StorePlace(NamedTuple):
    """Where the store of a context is."""

    technology: str
    url: Secret
    """What opens it."""
    shown: str
    """What may be shown of it. Two places with the same tables are shown alike."""
    database: str = ""
    """Of a schema in a database: which database, as far as the address tells."""
    schema: str = ""
    user: str = ""
    """As whom the database is entered; empty where the address does not say."""


class Reader(NamedTuple):
    """A context that reads what another one publishes, and the user it does that as."""

    context: str
    user: str


def store_at(place: Secret | str, context: str) -> StorePlace:
    """The store of a context at a place, in which `{context}` stands for its name.

    Raises `StoreError` for an address that cannot be taken apart; it is not shown, because any part may be a password.
    """
    written = Secret(place) if isinstance(place, str) else place
    url = written.text.replace("{context}", context)
    technology = url.partition(":")[0]
    if technology != "postgresql":
        return StorePlace(technology, written.within(url), url)
    parts = _parts(url)
    if parts is None:
        raise StoreError(
            "this is no address of a database (it is not shown)", where="store",
            expected="postgresql://USER:PASSWORD@HOST/DATABASE",
            next="percent-encode what is special in a password: @ is %40",
        )  # fmt: skip
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    which = urlencode({name: options[name] for name in _WHICH_DATABASE if name in options})
    database = f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}{'?' if which else ''}{which}"
    schema = options.get("schema", context)
    user = unquote(parts.username or "") or options.get("user", "")
    return StorePlace(technology, written.within(url), f"{database} schema {schema}", database, schema, user)


def _parts(url: str) -> SplitResult | None:
    """An `@` behind the host is one of a password that is not encoded: what stands before it is no host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    fits = url.startswith("postgresql://") and "@" not in parts.path + parts.query + parts.fragment
    return parts if fits else None
