"""Finds the endpoint for method and path: a dictionary for plain paths, a tree for paths with placeholders."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Generic, TypeVar

from remit.edges.http.problems import Rejected, rejected

T = TypeVar("T")
_PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_LONGEST_COMPARED = 80


def places_of(path: str) -> tuple[str, ...]:
    """The names of the `{placeholders}` in a path, in order. Raises `ValueError` that says what is wrong with it."""
    if not path.startswith("/"):
        raise ValueError("the path does not begin with '/'")
    names: list[str] = []
    for segment in path.split("/")[1:]:
        place = _PLACE.fullmatch(segment)
        if place:
            names.append(place[1])
        elif segment.count("{") != segment.count("}"):
            raise ValueError(f"the place in {segment!r} is not closed")
        elif "{" in segment:
            raise ValueError(f"{segment!r} is not a place: a place fills its whole segment and names a field")
        elif "?" in segment or "#" in segment:
            raise ValueError(f"{segment!r} contains '?' or '#': the query string is made from the other fields")
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"the place {{{name}}} occurs twice")
    return tuple(names)


class _Node(Generic[T]):
    __slots__ = ("endpoints", "literals", "place")

    def __init__(self) -> None:
        self.literals: dict[str, _Node[T]] = {}
        self.place: _Node[T] | None = None
        self.endpoints: dict[str, T] = {}


class Router(Generic[T]):
    """Endpoints by method and path. A literal segment takes precedence over a placeholder. With `tells_routes`, the
    answer to an unknown path names the nearest route."""

    def __init__(self, *, tells_routes: bool = True) -> None:
        self._tells_routes = tells_routes
        self._plain: dict[tuple[str, str], T] = {}
        self._root: _Node[T] = _Node()
        self._paths: list[str] = []

    def add(self, method: str, path: str, endpoint: T) -> T | None:
        """Adds an endpoint and returns None. If there is one already, returns that one and changes nothing."""
        node = self._root
        for segment in path.split("/")[1:]:
            if _PLACE.fullmatch(segment):
                node.place = node.place or _Node()
                node = node.place
            else:
                node = node.literals.setdefault(segment, _Node())
        if method in node.endpoints:
            return node.endpoints[method]
        node.endpoints[method] = endpoint
        self._paths.append(path)
        if "{" not in path:
            self._plain[method, path] = endpoint
        return None

    def plain(self, method: str, path: str) -> T | None:
        """The endpoint of a path without placeholders, or None."""
        return self._plain.get((method, path))

    def find(self, method: str, path: str, segments: list[str]) -> tuple[T, tuple[str, ...]]:
        """The endpoint and the values of its placeholders. Raises `Rejected` for an unknown path or a wrong method."""
        allowed: set[str] = set()
        for node, values in _matches(self._root, segments, 0, ()):
            if method in node.endpoints:
                return node.endpoints[method], values
            allowed.update(node.endpoints)
        if not allowed:
            raise self._unknown(path)
        if "GET" in allowed:
            allowed.add("HEAD")
        known = ", ".join(sorted(allowed))
        raise rejected(
            "http.wrong-method", f"{method} is not possible on {path}", where=path, expected=known,
            next=f"Use {known}", headers=[(b"allow", known.encode())],
        )  # fmt: skip

    def _unknown(self, path: str) -> Rejected:
        if not self._tells_routes:
            return rejected("http.unknown-path", f"No route has the path {path}", where=path)
        near = difflib.get_close_matches(path[:_LONGEST_COMPARED], self._paths, n=1, cutoff=0.5)
        return rejected(
            "http.unknown-path", f"No route has the path {path}", where=path,
            next=f"The nearest route is {near[0]}; all of them are at /docs" if near else "All routes are at /docs",
        )  # fmt: skip


def _matches(
    node: _Node[T], segments: list[str], at: int, values: tuple[str, ...]
) -> Iterator[tuple[_Node[T], tuple[str, ...]]]:
    if at == len(segments):
        if node.endpoints:
            yield node, values
        return
    segment = segments[at]
    if (literal := node.literals.get(segment)) is not None:
        yield from _matches(literal, segments, at + 1, values)
    if node.place is not None and segment:
        yield from _matches(node.place, segments, at + 1, (*values, segment))
