"""The kinds of stores, built-in and of other distributions, and the places of stores in a topology.

An address may contain a password; its shown form does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from remit.errors import RemitError, StoreError, nearest
from remit.stores.memory import MEMORY
from remit.stores.postgres import POSTGRESQL
from remit.stores.sqlite import SQLITE
from remit.stores.technology import StoreAddress, StoreTechnology
from remit.topology import DEFAULT_STORE
from remit.topology.secret import Secret

if TYPE_CHECKING:  # importing pathlib takes a tenth of the time of `import remit`
    from pathlib import Path

GROUP = "remit.stores"
"""The group of entry points for stores of other distributions."""
STORES: Mapping[str, StoreTechnology] = {each.name: each for each in (MEMORY, SQLITE, POSTGRESQL)}
STORE_FORMS = ", ".join(each.form for each in (MEMORY, SQLITE)) + f" or {POSTGRESQL.form}"
"""The forms of the addresses of built-in stores."""
FOR_STATEMENTS = SQLITE
"""The store that advice proposes if handlers run SQL statements."""
_USUAL = SQLITE


def stores_in(folder: str) -> str:
    """The place of stores in a folder, one file per context."""
    return f"{_USUAL.name}:{folder}/{{context}}.db"


@dataclass(frozen=True, kw_only=True)
class StorePlace(StoreAddress):
    """The place of the store of a context."""

    technology: StoreTechnology | None
    """None if the scheme is in a missing variable."""
    url: Secret
    """The address as it was written, with its missing variables."""

    def below(self, folder: Path) -> str:
        """The shown form, with a path below `folder` made relative to it."""
        from pathlib import Path

        inside = self.path and Path(self.path).is_relative_to(folder)
        return self.shown.replace(self.path, str(Path(self.path).relative_to(folder))) if inside else self.shown


class Reader(NamedTuple):
    """A context that reads what another context publishes, and the database user with which it reads."""

    context: str
    user: str


def store_technology(place: str) -> StoreTechnology | None:
    """The kind of store, built-in or installed, that an address names. None if there is none.

    Raises `StoreError` for a broken description of another distribution.
    """
    scheme = place.partition(":")[0]
    return STORES.get(scheme) or found(GROUP, scheme, StoreTechnology, StoreError)


def near_store(place: str) -> str | None:
    """The scheme that was probably meant: `sqlite:`. None if none is near."""
    scheme = place.partition(":")[0]
    near = nearest(scheme, STORES)
    return f"{near}:" if near not in (None, scheme) else None


def store_forms() -> str:
    """The forms of the addresses of all installed stores, for error texts."""
    others = [each.form for each in installed(GROUP, StoreTechnology, StoreError) if each.name not in STORES]
    return f"{STORE_FORMS}; or {of_others(GROUP, others)}"


def store_at(place: Secret | str, context: str) -> StorePlace:
    """The place of the store of a context. `{context}` in `place` stands for its name.

    Raises `StoreError` for a text that names no store, and for an address that cannot be parsed. The error does not
    show the address, because any part of it may be a password.
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
        f"{url.partition('//')[0]!r} is not the address of a store", where="store", expected=store_forms(),
        next=f'did you mean "{near}..."?' if (near := near_store(url)) else f'store="{DEFAULT_STORE}"',
    )  # fmt: skip


T = TypeVar("T")


def found(group: str, word: str, kind: type[T], error: type[RemitError]) -> T | None:
    """The description under an entry point with this name. None if there is none.

    Raises `error` if it cannot be loaded, if it is of another kind, or if several distributions have one.
    """
    where, expected = f"entry point {word!r} of {group}", f"one {kind.__name__}"
    try:
        description = _loaded(group, word)
    except LookupError as several:
        if not several.args:
            return None
        raise error(
            f"several packages have this entry point: {several}", where=where, expected=expected,
            next="uninstall all but one of them",
        ) from None  # fmt: skip
    except Exception as broken:
        raise error(
            f"it cannot be loaded: {broken!r}", where=where, expected=expected,
            next="reinstall or update the package that has it",
        ) from broken  # fmt: skip
    if not isinstance(description, kind):
        raise error(
            f"it is {description!r}", where=where, expected=expected, next="report this to the author of the package"
        )
    return description


def installed(group: str, kind: type[T], error: type[RemitError]) -> list[T]:
    """The descriptions of other distributions. Skips broken ones, which are reported when they are used."""
    from importlib.metadata import entry_points  # a slow import

    descriptions: list[T] = []
    for word in sorted({point.name for point in entry_points(group=group)}):
        with suppress(error):
            descriptions += [each for each in [found(group, word, kind, error)] if each is not None]
    return descriptions


def of_others(group: str, forms: Sequence[str]) -> str:
    """The forms of addresses of other distributions, and the entry points that provide them."""
    return f"another package with an entry point of {group}: {' or '.join(forms) or 'none is installed'}"


@cache  # only successful lookups: after an error, the entry points are searched again
def _loaded(group: str, word: str) -> Any:
    from importlib.metadata import entry_points  # a slow import

    points = {point.value: point for point in entry_points(group=group, name=word)}
    if len(points) != 1:
        raise LookupError(*[" and ".join(sorted(points))] if points else [])
    return points.popitem()[1].load()
