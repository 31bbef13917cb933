"""One request and its answer: reads the ASGI scope and the body, within limits."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from http import HTTPStatus
from time import monotonic
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, unquote_to_bytes

import msgspec

from remit.edges.http.problems import KINDS, Headers, Rejected, rejected
from remit.errors import DeadlineExceeded
from remit.runtime.work.carried import LONGEST_VALUE, is_value
from remit.runtime.work.deadlines import Deadlines

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_log = logging.getLogger("remit.edges.http")
_encode = msgspec.json.Encoder().encode
_MAX_PARAMETERS = 1000
_MAX_KEY = 255
_ONCE = {
    b"authorization",
    b"content-encoding",
    b"content-type",
    b"idempotency-key",
    b"remit-timeout-ms",
    b"request-timeout",
}
"""Headers that may occur only once: with two values it is unknown which one a proxy or a server would use."""
_DIGITS = 18
"""The most digits of a Content-Length that is parsed as a number."""
DRAINED = 16
"""The rest of a body that is too large is read and discarded, up to this multiple of the limit. Otherwise a client that
is still sending when the connection is closed would see a reset instead of the answer."""
_DRAIN_SECONDS = 5.0
"""The most seconds for reading the rest."""


class Crowd:
    """Counts the requests that are being handled."""

    def __init__(self) -> None:
        self.size = 0
        self._refused = 0

    def turned_away(self, most: int) -> Rejected:
        """The exception for a request beyond the limit."""
        self._refused += 1
        if self._refused & (self._refused - 1) == 0:  # logs the 1st, 2nd, 4th, 8th, …: a flood does not flood the log
            _log.warning("%d requests are being handled; refusal number %d", most, self._refused)
        return rejected("call.overloaded", KINDS["call.overloaded"].detail)


@dataclass(frozen=True)
class Limits:
    """The limits of a request, and of requests at the same time. Sizes in bytes, times in seconds."""

    max_body: int
    default_deadline: float
    max_deadline: float
    max_requests: int
    running: Deadlines = field(default_factory=Deadlines)
    """The deadlines of bodies that are being read."""
    crowd: Crowd = field(default_factory=Crowd)


class Gone(Exception):
    """The client disconnected before its request was complete, so no answer is sent."""


class HttpResponse(NamedTuple):
    status: int
    headers: Headers
    body: bytes
    unread: int = 0
    """The number of bytes of the request body that may still arrive, and are discarded."""


class HttpRequest:
    """A request whose endpoint was found. `places` are the values of the placeholders in the path, in order."""

    __slots__ = ("_begun", "headers", "places", "receive", "scope")

    def __init__(self, scope: Scope, receive: Receive, places: tuple[str, ...]) -> None:
        self.scope = scope
        self.receive = receive
        self.places = places
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        if len(self.headers) != len(scope["headers"]):
            _refuse_doubled(scope["headers"])
        self._begun = monotonic()

    def query(self) -> dict[str, list[str]]:
        """The values of each query parameter."""
        raw: bytes = self.scope.get("query_string", b"")
        given: dict[str, list[str]] = {}
        if raw:
            try:
                pairs = parse_qsl(raw.decode("ascii"), True, errors="strict", max_num_fields=_MAX_PARAMETERS)
            except ValueError as error:
                raise rejected(
                    "http.malformed-query", f"The query string cannot be read: {error}", where="query string"
                ) from error
            for name, value in pairs:
                given.setdefault(name, []).append(value)
        return given

    def key(self) -> str | None:
        """The idempotency key, without the quotes of a structured field. None if there is no such header.

        Raises `Rejected` for a header that is not one key.
        """
        raw = self.headers.get(b"idempotency-key")
        if raw is None:
            return None
        text = raw.decode("latin-1").strip()
        quoted = len(text) > 1 and text[0] == text[-1] == '"'
        key = text[1:-1] if quoted else text
        two = quoted and '"' in key.replace('\\"', "")  # a proxy has joined two headers
        if not key or len(key) > _MAX_KEY or two or not (key.isascii() and key.isprintable()):
            raise rejected(
                "http.malformed-header", "The idempotency key is empty, too long, not printable, or more than one",
                where="header Idempotency-Key", expected=f"one key of 1 to {_MAX_KEY} printable ASCII characters",
                next="Use a UUID, and the same one for each repetition of this request",
            )  # fmt: skip
        return key

    def named(self, names: Iterable[str]) -> dict[str, str]:
        """The headers of the request with these names, to be passed on. Raises `Rejected` for an unusable value."""
        found: dict[str, str] = {}
        for name in names:
            known = name.encode()
            given = [value.decode("latin-1").strip() for header, value in self.scope["headers"] if header == known]
            if len(given) > 1 or not all(map(is_value, given)):
                raise rejected(
                    "http.malformed-header", f"The header {name} is too long, not printable, or given more than once",
                    where=f"header {name}", expected=f"at most {LONGEST_VALUE} printable ASCII characters, once",
                )  # fmt: skip
            if given:
                found[name] = given[0]
        return found

    def remaining(self, limits: Limits) -> float:
        """The remaining seconds of the deadline of the client (or the default), limited by the maximum.

        Raises `DeadlineExceeded` if none remain.
        """
        seconds = limits.default_deadline
        for name, scale in ((b"remit-timeout-ms", 1000.0), (b"request-timeout", 1.0)):
            if (raw := self.headers.get(name)) is not None:
                seconds = _number(raw, name) / scale
                break
        left = min(seconds, limits.max_deadline) - (monotonic() - self._begun)
        if left <= 0:
            raise DeadlineExceeded(
                "the deadline passed before the call", where="HTTP request", expected="time left for the call",
                next="send the request with more time in the header Request-Timeout",
            )  # fmt: skip
        return left

    async def body(self, limits: Limits) -> bytes:
        """The whole body. Raises `Rejected` if it is too large, too slow for the deadline, or not sent as JSON."""
        body = await self.raw(limits)
        if body:
            self._check_media_type()
        return body

    async def raw(self, limits: Limits) -> bytes:
        """The whole body, of any media type. Raises `Rejected` if it is too large or too slow for the deadline."""
        declared = self.headers.get(b"content-length", b"")
        if declared.isdigit() and (len(declared) > _DIGITS or int(declared) > limits.max_body):
            # A client that waits for "100 Continue" sends nothing, and must not be told to.
            waits = self.headers.get(b"expect", b"").lower() == b"100-continue"
            raise _too_large(limits, 0 if waits else limits.max_body * DRAINED, int(declared[:_DIGITS]))
        limit = limits.running.enter(self.remaining(limits))
        try:
            return await self._read(limits)
        except asyncio.CancelledError:
            if not limit.owns_cancellation():
                raise
            detail = "The body was not complete when the deadline passed"
            raise rejected("http.slow-body", detail, where="body") from None
        finally:
            limits.running.leave(limit)

    def expect_no_body(self) -> None:
        """Raises `Rejected` if the request announces a body."""
        if self.headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in self.headers:
            raise rejected("http.unexpected-body", f"{self.scope['method']} takes no body here", where="body")

    async def _read(self, limits: Limits) -> bytes:
        parts: list[bytes] = []
        size = 0
        more = True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise Gone
            part: bytes = message.get("body", b"")
            size += len(part)
            more = message.get("more_body", False)
            if size > limits.max_body:
                raise _too_large(limits, limits.max_body * DRAINED - size if more else 0)
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _check_media_type(self) -> None:
        given = self.headers.get(b"content-type", b"")
        if given != b"application/json":
            kind = given.partition(b";")[0].strip().lower()
            if kind != b"application/json" and not (kind.startswith(b"application/") and kind.endswith(b"+json")):
                raise rejected(
                    "http.media-type", f"The media type of the body is {given.decode('latin-1') or 'missing'!r}",
                    where="header Content-Type", expected="application/json",
                    headers=[(b"accept", b"application/json")],
                )  # fmt: skip
        if self.headers.get(b"content-encoding", b"identity") != b"identity":
            raise rejected(
                "http.media-type", "The body is compressed", where="header Content-Encoding", expected="identity",
                next="Send the body uncompressed",
            )  # fmt: skip


def own_path(scope: Scope) -> str:
    """The path below the mount point of this application. Raises `Rejected` if it is not valid UTF-8."""
    path: str = scope["path"]
    if not path.isascii():
        _refuse_undecoded(path, scope.get("raw_path"))
    root: str = scope.get("root_path", "").rstrip("/")
    if root and path.startswith(root) and path[len(root) : len(root) + 1] in ("", "/"):
        path = path[len(root) :]
    if path.endswith("/") and not unquote(scope.get("raw_path", b"/").decode("latin-1")).endswith("/"):
        path = path[:-1]  # added by the framework in which this application is mounted
    return path or "/"


def _refuse_undecoded(path: str, raw: bytes | None) -> None:
    """Raises `Rejected` for a path with invalid UTF-8. Servers replace invalid bytes, so different paths become one."""
    try:
        whole = path.encode() if raw is None else unquote_to_bytes(raw)
        fits = bool(whole.decode()) and (raw is not None or "\ufffd" not in path)
    except UnicodeError:
        fits = False
    if not fits:
        raise rejected("http.malformed-path", "The path is not valid UTF-8", where="path")


def mounted_at(scope: Scope, path: str) -> str:
    """The path at which this application is mounted, as its clients see it. "" at the root.

    Not every framework sets `root_path`. Then it is the part of the client's path before `path`.
    """
    if root := str(scope.get("root_path", "")).rstrip("/"):
        return root
    whole = unquote(scope.get("raw_path", b"").decode("latin-1"))
    return whole.removesuffix(path).rstrip("/") if whole.endswith(path) else ""


def segments_of(scope: Scope, path: str) -> list[str]:
    """The segments of the path below the mount point. A slash that the client wrote as %2F stays inside a segment."""
    raw: bytes = scope.get("raw_path") or b""
    if b"%2f" in raw.lower():
        parts = raw.decode("latin-1").split("/")
        for first in range(1, len(parts)):
            tail = [unquote(part) for part in parts[first:]]
            if "/" + "/".join(tail) == path:
                return tail
    return path.split("/")[1:]


def json_answer(
    status: int, body: bytes, *headers: tuple[bytes, bytes], kind: bytes = b"application/json"
) -> HttpResponse:
    """An answer with the two headers that every answer with a body has."""
    return HttpResponse(status, [(b"content-type", kind), (b"content-length", b"%d" % len(body)), *headers], body)


def problem_answer(raised: Rejected, *, has_docs: bool = True) -> HttpResponse:
    """The answer with a problem. Without the page /docs, advice that mentions it is left out."""
    problem = raised.problem
    if not has_docs and "/docs" in problem.next:
        problem = msgspec.structs.replace(problem, next="")
    answer = json_answer(problem.status, _encode(problem), *raised.headers, kind=b"application/problem+json")
    return answer._replace(unread=raised.unread) if raised.unread else answer


def answer_before_request(code: str) -> bytes:
    """The raw bytes of an answer with a problem, for a connection that is closed before a request was read."""
    status, headers, body, _ = problem_answer(rejected(code, KINDS[code].detail, where="head"))
    lines = [b"HTTP/1.1 %d %s" % (status, HTTPStatus(status).phrase.encode()), b"connection: close"]
    return b"\r\n".join([*lines, *(name + b": " + value for name, value in headers), b"", body])


Endpoint = Callable[[HttpRequest], Awaitable[HttpResponse]]


def _number(raw: bytes, name: bytes) -> float:
    try:
        seconds = float(raw)
    except ValueError:
        seconds = math.nan
    if math.isnan(seconds):
        header = name.decode()
        unit = "milliseconds" if header.endswith("ms") else "seconds"
        raise rejected(
            "http.malformed-header", f"{raw.decode('latin-1')!r} is not a number", where=f"header {header}",
            expected=f"a number of {unit}", next=f"Send for example '{header}: 5'",
        )  # fmt: skip
    return seconds


def _refuse_doubled(headers: Iterable[tuple[bytes, bytes]]) -> None:
    seen: set[bytes] = set()
    for name, _ in headers:
        if name in seen and name in _ONCE:
            shown = name.decode().title()
            raise rejected(
                "http.malformed-header", f"The header {shown} is given more than once", where=f"header {shown}",
                expected="one value", next=f"Send {shown} once",
            )  # fmt: skip
        seen.add(name)


def _too_large(limits: Limits, unread: int, declared: int = 0) -> Rejected:
    """`unread` are the bytes that may be discarded. If the declared size is larger, nothing is read."""
    raised = rejected(
        "http.too-large", f"The body has more than {limits.max_body} bytes", where="body",
        expected=f"at most {limits.max_body} bytes",
    )  # fmt: skip
    raised.unread = max(0, unread) if declared <= unread else 0
    return raised


async def throw_away(receive: Receive, most: int) -> None:
    """Reads and discards at most `most` bytes of a body, for a few seconds at most. Otherwise a client that is still
    sending when the connection is closed would see a reset instead of the answer."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            while most >= 0:
                message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
                most -= len(message.get("body", b""))
