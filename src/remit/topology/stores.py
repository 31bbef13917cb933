"""The kinds of stores there are, our own and those of other distributions, and where a topology says that stores are.

An address may hold a password; what is shown of it does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from remit.errors import RemitError, StoreError
from remit.stores.memory import MEMORY
from remit.stores.postgres import POSTGRESQL
from remit.stores.sqlite import SQLITE
from remit.stores.technology import StoreAddress, StoreTechnology
from remit.topology.secret import Secret

if TYPE_CHECKING:  # it takes a tenth of the time that importing remit does
    from pathlib import Path

GROUP = "remit.stores"
"""The entry points of those of other distributions."""
STORES: Mapping[str, StoreTechnology] = {each.name: each for each in (MEMORY, SQLITE, POSTGRESQL)}
STORE_FORMS = ", ".join(each.form for each in (MEMORY, SQLITE)) + f" or {POSTGRESQL.form}"
"""How the addresses of our own look."""
FOR_STATEMENTS = SQLITE
"""What is proposed to whoever has statements of their own."""
_USUAL = SQLITE


def stores_in(folder: str) -> str:
    """The place of stores in a folder, one file for each context."""
    return f"{_USUAL.name}:{folder}/{{context}}.db"


DEFAULT_STORE = stores_in("data")


@dataclass(frozen=True, kw_only=True)
class StorePlace(StoreAddress):
    """Where the store of a context is."""

    technology: StoreTechnology | None
    """None where a variable that is missing would say it."""
    url: Secret
    """The address as it was written, which knows what is missing in it."""

    def below(self, folder: Path) -> str:
        """What may be shown of it to people who are in a folder: a file below it without the way there."""
        from pathlib import Path

        inside = self.path and Path(self.path).is_relative_to(folder)
        return self.shown.replace(self.path, str(Path(self.path).relative_to(folder))) if inside else self.shown


class Reader(NamedTuple):
    """A context that reads what another one publishes, and the user it does that as."""

    context: str
    user: str


def store_technology(place: str) -> StoreTechnology | None:
    """The kind of store that an address names, ours or another's. Raises `StoreError` for a broken one of another's."""
    scheme = place.partition(":")[0]
    return STORES.get(scheme) or found(GROUP, scheme, StoreTechnology, StoreError)


def store_forms() -> str:
    """How the addresses of all stores look that are installed here, for who has written none of them."""
    others = [each.form for each in installed(GROUP, StoreTechnology, StoreError) if each.name not in STORES]
    return f"{STORE_FORMS}; or {of_others(GROUP, others)}"


def store_at(place: Secret | str, context: str) -> StorePlace:
    """The store of a context at a place, in which `{context}` stands for its name.

    Raises `StoreError` for what names no store, and for an address that cannot be taken apart. It is not shown, because
    any part may be a password.
    """
    written = Secret(place) if isinstance(place, str) else place
    url = written.text.replace("{context}", context)
    technology = store_technology(url)
    if technology is not None and technology.fits(url):
        address = technology.address(url, context)
        return StorePlace(**vars(address), technology=technology, url=written.within(url))
    if written.lacks:
        return StorePlace(text=url, shown=url, technology=None, url=written.within(url))
    raise StoreError(
        f"{url.partition('//')[0]!r} names no store", where="store", expected=store_forms(),
        next=f'store="{DEFAULT_STORE}"',
    )  # fmt: skip


T = TypeVar("T")


def found(group: str, word: str, kind: type[T], error: type[RemitError]) -> T | None:
    """The description under an entry point of this name; None where there is none.

    Raises `error` where it cannot be loaded, is no such description, or several distributions have one.
    """
    where, expected = f"entry point {word!r} of {group}", f"one {kind.__name__}"
    try:
        description = _loaded(group, word)
    except LookupError as several:
        if not several.args:
            return None
        raise error(f"it stands for {several}", where=where, expected=expected, next="uninstall the others") from None
    except Exception as broken:
        raise error(f"it cannot be loaded: {broken!r}", where=where, expected=expected) from broken
    if not isinstance(description, kind):
        raise error(f"it is {description!r}", where=where, expected=expected)
    return description


def installed(group: str, kind: type[T], error: type[RemitError]) -> list[T]:
    """The descriptions that other distributions bring; a broken one is said to whoever names it."""
    from importlib.metadata import entry_points  # takes longer than all of what is imported here

    descriptions: list[T] = []
    for word in sorted({point.name for point in entry_points(group=group)}):
        with suppress(error):
            descriptions += [each for each in [found(group, word, kind, error)] if each is not None]
    return descriptions


def of_others(group: str, forms: Sequence[str]) -> str:
    """How addresses look that other distributions bring, and how they do it."""
    return f"what another package brings by an entry point of {group}: {' or '.join(forms) or 'none is installed'}"


@cache  # of what is there: what is missing, and so raised, is looked for again
def _loaded(group: str, word: str) -> Any:
    from importlib.metadata import entry_points  # takes longer than all of what is imported here

    points = {point.value: point for point in entry_points(group=group, name=word)}
    if len(points) != 1:
        raise LookupError(*[" and ".join(sorted(points))] if points else [])
    return points.popitem()[1].load()
