"""Which pages in browsers may call a route: cross-origin resource sharing, as the Fetch standard says."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from remit.edges.http.problems import Headers
from remit.edges.http.request import Answer, Endpoint

ANY = "*"
_ORIGIN = re.compile(r"https?://[^/?#@\s]+")
_HEADERS = b"authorization, content-type, idempotency-key, remit-timeout-ms, request-timeout"
"""What a page may send to every edge."""
_EXPOSED = b"retry-after"
"""What it may read, beside what it always may."""
_MAX_AGE = b"600"
"""Seconds for which a browser need not ask again."""


class Door(NamedTuple):
    """An endpoint, and the origins of the pages that may call it."""

    serve: Endpoint
    origins: frozenset[bytes] = frozenset()

    def admits(self, origin: bytes) -> bool:
        """Whether pages of this origin may call it."""
        return origin in self.origins or ANY.encode() in self.origins


def is_origin(text: str) -> bool:
    """Whether a text is an origin as browsers send it: scheme, host, and port where it is not the usual one; or `*`."""
    return text == ANY or bool(_ORIGIN.fullmatch(text))


def origins_of(texts: Collection[str]) -> frozenset[bytes]:
    """As they stand in the header Origin, in which scheme and host are lower-case."""
    return frozenset(text.lower().encode() for text in texts)


def shared(answer: Answer, door: Door, headers: Mapping[bytes, bytes]) -> Answer:
    """An answer that the page which asked for it may read, if pages of its origin may."""
    if not door.origins:
        return answer
    return answer._replace(headers=[*answer.headers, *_granted(door, headers), (b"vary", b"origin")])


def sendable(carried: Iterable[str]) -> bytes:
    """The headers that a page may send: those of the edge, and those that the system takes along with a request."""
    return b", ".join([_HEADERS, *(name.encode() for name in carried)])


def preflight(door: Door, method: str, headers: Mapping[bytes, bytes], sendable: bytes) -> Answer:
    """The answer to what a browser asks before it sends a request of this method."""
    granted = _granted(door, headers)
    if granted:
        granted += [
            (b"access-control-allow-methods", method.encode()),
            (b"access-control-allow-headers", sendable),
            (b"access-control-max-age", _MAX_AGE),
        ]
    return Answer(204, [*granted, (b"vary", b"origin, access-control-request-method")], b"")


def _granted(door: Door, headers: Mapping[bytes, bytes]) -> Headers:
    origin = headers.get(b"origin")
    if origin is None or not door.admits(origin):
        return []
    return [(b"access-control-allow-origin", origin), (b"access-control-expose-headers", _EXPOSED)]
