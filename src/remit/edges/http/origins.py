"""Cross-origin resource sharing (CORS) as in the Fetch standard: which pages in browsers may call a route."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from remit.edges.http.problems import Headers
from remit.edges.http.request import Endpoint, HttpResponse

ANY = "*"
_ORIGIN = re.compile(r"(https?)://(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?", re.IGNORECASE | re.ASCII)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LAST_PORT = 65535
_HEADERS = b"authorization, content-type, idempotency-key, remit-position, remit-timeout-ms, request-timeout"
"""The request headers that a page may send to every edge."""
_EXPOSED = b"age, retry-after, remit-position"
"""The response headers that a page may read, beside the safelisted ones."""
_MAX_AGE = b"600"
"""The seconds for which a browser may cache a preflight answer."""


class Door(NamedTuple):
    """An endpoint, and the origins of the pages that may call it."""

    serve: Endpoint
    origins: frozenset[bytes] = frozenset()

    def admits(self, origin: bytes) -> bool:
        """Whether pages of this origin may call it."""
        return origin in self.origins or ANY.encode() in self.origins


def is_origin(text: str) -> bool:
    """Whether a text is `*`, or an origin as browsers send it: scheme, host, and a port other than the default."""
    if text == ANY:
        return True
    found = _ORIGIN.fullmatch(text)
    if found is None:
        return False
    scheme, port = found[1].lower(), found[2]
    return port is None or (int(port) <= _LAST_PORT and int(port) != _DEFAULT_PORTS[scheme])


def origins_of(texts: Collection[str]) -> frozenset[bytes]:
    """Origins in the form of the header Origin: scheme and host in lower case."""
    return frozenset(text.lower().encode() for text in texts)


def shared(answer: HttpResponse, door: Door, headers: Mapping[bytes, bytes]) -> HttpResponse:
    """The answer with the headers that let the calling page read it, if its origin is allowed."""
    if not door.origins:
        return answer
    return answer._replace(headers=[*answer.headers, *_granted(door, headers), (b"vary", b"origin")])


def sendable(carried: Iterable[str]) -> bytes:
    """The headers that a page may send: those of the edge, and those that the system carries along with a request."""
    return b", ".join([_HEADERS, *(name.encode() for name in carried)])


def preflight(door: Door, method: str, headers: Mapping[bytes, bytes], sendable: bytes) -> HttpResponse:
    """The answer to the preflight request that a browser sends before a request with this method."""
    granted = _granted(door, headers)
    if granted:
        granted += [
            (b"access-control-allow-methods", method.encode()),
            (b"access-control-allow-headers", sendable),
            (b"access-control-max-age", _MAX_AGE),
        ]
    return HttpResponse(204, [*granted, (b"vary", b"origin, access-control-request-method")], b"")


def _granted(door: Door, headers: Mapping[bytes, bytes]) -> Headers:
    origin = headers.get(b"origin")
    if origin is None or not door.admits(origin):
        return []
    return [(b"access-control-allow-origin", origin), (b"access-control-expose-headers", _EXPOSED)]
