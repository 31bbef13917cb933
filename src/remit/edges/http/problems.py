"""Problem details (RFC 9457): everything this edge answers instead of a reply, with one table of all kinds."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from remit.edges.http.docstrings import docstring, first_paragraph
from remit.errors import RemitError
from remit.messages import Refusal, fields_of_refusal

Headers = list[tuple[bytes, bytes]]


class Kind(NamedTuple):
    """What all problems of one code have in common."""

    status: int
    title: str
    next: str = ""
    detail: str = ""
    retry_after: int = 0


KINDS: dict[str, Kind] = {
    "http.malformed-json": Kind(400, "The body is not JSON", "Send one JSON object in UTF-8"),
    "http.malformed-path": Kind(400, "The path cannot be read", "Percent-encode it from UTF-8"),
    "http.malformed-query": Kind(400, "The query string cannot be read", "Send name=value pairs in UTF-8"),
    "http.malformed-header": Kind(400, "A header cannot be read"),
    "http.unexpected-body": Kind(400, "A body where none belongs", "Put the fields into the query string"),
    "http.unknown-path": Kind(404, "No such path"),
    "http.wrong-method": Kind(405, "The path has no such method"),
    "http.slow-body": Kind(408, "The body did not arrive in time", "Send the request again"),
    "http.slow-head": Kind(
        408, "The request did not arrive in time", "Send the request again",
        "The first line and the headers were not complete in time. Nothing was changed.",
    ),
    "http.large-head": Kind(
        431, "The headers are too large", "Send fewer or shorter headers, and less in the query string",
        "The first line and the headers have more bytes than are read. Nothing was changed.",
    ),
    "http.too-large": Kind(413, "The body is too large", "Send less in one request"),
    "http.media-type": Kind(415, "Another media type than JSON", "Send the header Content-Type: application/json"),
    "http.invalid-message": Kind(422, "The fields do not make the message", "Compare with the schema at /docs"),
    "http.internal": Kind(
        500, "Something went wrong", "Tell the operator: the log of the server says more",
        "The request could not be handled, for a reason that is not yours.",
    ),
    "call.refused": Kind(409, "Refused"),
    "call.too-large": Kind(413, "The message is too large", "Send less in one request"),
    "call.reply-too-large": Kind(
        500, "Done, and the answer is too large", "Do not repeat it; tell the operator: the reply has to be smaller",
        "It was handled: a command was applied, or refused. The answer is larger than what the services carry.",
    ),
    "call.key-reused": Kind(422, "The idempotency key was used before", "Use a new key for a new request"),
    "call.diverged": Kind(
        409, "Decided differently when it was run again", "Repeat the request with the same Idempotency-Key",
        "Others wrote while it was handled. It has changed nothing itself; what was called for it stays.",
    ),
    "value.invalid": Kind(
        500, "A value that could not be read again", "Tell the operator: the log of the server says more",
        "The answer could not be written. Nothing was changed.",
    ),
    "key.invalid": Kind(400, "No identity or key", "Choose a shorter text, without NUL"),
    "state.not-found": Kind(404, "Not found"),
    "state.exists": Kind(409, "It exists already", "Look at what is there, or choose another identity"),
    "state.stale": Kind(
        503, "No fresh answer", "Ask without fresh; the operator can see why with: remit status",
        "A message on its way to the answer is parked or stuck, or the read model has missed some.",
    ),
    "call.unavailable": Kind(
        503, "Not available now", "Try again after the seconds in Retry-After",
        "The other side could not do it now. Nothing was changed.", 1,
    ),
    "call.handler-failed": Kind(
        500, "The handler failed", "Tell the operator: the log of the server says more",
        "Nothing that the handler decided was changed; what it had called may have been.",
    ),
    "call.overloaded": Kind(
        503, "Too much is waiting", "Try again after the seconds in Retry-After",
        "Refused before any work was done. Nothing was changed.", 1,
    ),
    "store.unavailable": Kind(
        503, "Not available now", "Try again after the seconds in Retry-After",
        "The store cannot be used at the moment. Nothing was changed.", 2,
    ),
    "call.deadline": Kind(
        504, "Too late", "Repeat it with the same Idempotency-Key, and with more time in the header Request-Timeout",
        "The deadline passed before the outcome. The request itself has changed nothing; what was called for it stays.",
    ),
    "call.unknown": Kind(
        504, "The outcome is not known",
        "Repeat the request with the same Idempotency-Key; without one, look at the state first",
        "The change may or may not have been made.",
    ),
}  # fmt: skip


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Problem details after RFC 9457. `code` is stable, `next` says what to do, `pointer` names the field."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    where: str = ""
    expected: str = ""
    next: str = ""
    pointer: str = ""
    refusal: str = ""
    fields: dict[str, Any] | UnsetType = UNSET


class Rejected(Exception):
    """A request that ends with a problem. Raised and caught within this edge."""

    def __init__(self, problem: Problem, headers: Headers | None = None) -> None:
        super().__init__(problem.detail)
        self.problem = problem
        self.headers = headers or []
        self.unread = 0
        """So many bytes of the body may still come after the answer, and are thrown away."""


def rejected(
    code: str,
    detail: str,
    *,
    where: str = "",
    expected: str = "",
    next: str = "",
    pointer: str = "",
    headers: Headers | None = None,
) -> Rejected:
    """What to raise for a problem of this code."""
    kind = KINDS[code]
    if kind.retry_after:
        headers = [*(headers or ()), (b"retry-after", b"%d" % kind.retry_after)]
    problem = Problem(
        type=f"urn:remit:problem:{code}", title=kind.title, status=kind.status, detail=detail, code=code,
        where=where, expected=expected, next=next or kind.next, pointer=pointer,
    )  # fmt: skip
    return Rejected(problem, headers)


def problem_of(error: Exception) -> Rejected:
    """The problem that tells of an error. Errors of this side (5xx) show a fixed text and nothing of their own."""
    classes = (getattr(cls, "code", "") for cls in type(error).__mro__)
    code = next((code for code in classes if code in KINDS), "http.internal")
    kind = KINDS[code]
    shown = error if isinstance(error, RemitError) and kind.status < 500 else RemitError(kind.detail)
    where = shown.where if code != "call.too-large" else ""  # a store, of which clients know nothing
    return rejected(code, shown.what, where=where, expected=shown.expected, next=shown.next)


def refused(refusal: Refusal, status: int, where: str) -> Rejected:
    """The problem that tells of a refusal, with its fields."""
    name = type(refusal).__name__
    problem = Problem(
        type=f"urn:remit:refusal:{name}", title=name, status=status, detail=_says(refusal), code="call.refused",
        where=where, refusal=name, fields=fields_of_refusal(refusal),
    )  # fmt: skip
    return Rejected(problem)


def _says(refusal: Refusal) -> str:
    """The first paragraph of the refusal's docstring, or what the refusal says by itself."""
    return first_paragraph(docstring(type(refusal))) or str(refusal)


_PATH = re.compile(r" - at `(?:key in )?\$(?P<path>[^`]*)`$")
_NAMED = re.compile(r"(?:missing required|unknown) field `(?P<field>[^`]+)`")
_EXPECTED = re.compile(r"^Expected (?P<expected>.+), got ")


def invalid(error: Exception, *, where: str, accepted: str = "") -> Rejected:
    """What to raise for values that msgspec, or a check of the message's own, did not accept. `accepted` are those that
    would have been, where there are few."""
    text = str(error)
    found, expected = _PATH.search(text), _EXPECTED.match(text)
    detail = text[: found.start()] if found else text
    named = _NAMED.search(detail)
    pointer = _pointer(found["path"] if found else "", named["field"] if named else None)
    return rejected(
        "http.invalid-message", detail, where=where, pointer=pointer,
        expected=expected["expected"].replace("`", "") if expected else accepted,
    )  # fmt: skip


def _pointer(path: str, field: str | None) -> str:
    """The JSON pointer of a path like `.lines[0].amount`. It ends where msgspec does not say the key: `[...]`."""
    known, hidden, _ = path.partition("[...]")
    steps = [index or name for index, name in re.findall(r"\[(\d+)\]|\.([^.\[]+)", known)]
    if field is not None and not hidden:
        steps.append(field)
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
