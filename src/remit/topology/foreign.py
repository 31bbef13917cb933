"""Technologies that other distributions bring: found by entry points, when a file names what is none of ours."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar

from remit.errors import RemitError

__all__ = ["found"]

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


@cache  # of what is there: what is missing, and so raised, is looked for again
def _loaded(group: str, word: str) -> Any:
    from importlib.metadata import entry_points  # takes longer than all of what is imported here

    points = {point.value: point for point in entry_points(group=group, name=word)}
    if len(points) != 1:
        raise LookupError(*[" and ".join(sorted(points))] if points else [])
    return points.popitem()[1].load()
