"""Problem details (RFC 9457): every answer of this edge that is not a reply, and one table of all kinds."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from remit.edges.http.docstrings import docstring, first_paragraph
from remit.errors import RemitError, reason
from remit.messages import Refusal, fields_of_refusal

Headers = list[tuple[bytes, bytes]]


class Kind(NamedTuple):
    """The common parts of all problems with one code. `retry_after` is in seconds; 0 means no such header."""

    status: int
    title: str
    next: str = ""
    detail: str = ""
    retry_after: int = 0


KINDS: dict[str, Kind] = {
    "http.malformed-json": Kind(400, "The body is not JSON", "Send one JSON object in UTF-8"),
    "http.malformed-path": Kind(400, "The path cannot be read", "Percent-encode it in UTF-8"),
    "http.malformed-query": Kind(400, "The query string cannot be read", "Send name=value pairs in UTF-8"),
    "http.malformed-header": Kind(400, "A header cannot be read", "Send the header once, with a valid value"),
    "http.unexpected-body": Kind(400, "This request takes no body", "Put the fields into the query string"),
    "webhook.signature": Kind(401, "The signature is not accepted", "Sign the request with the secret of this webhook"),
    "http.unknown-path": Kind(404, "No such path", "Check the path"),
    "http.wrong-method": Kind(405, "The path has no such method", "Use one of the methods that the header Allow names"),
    "http.slow-body": Kind(408, "The body did not arrive in time", "Send the request again"),
    "http.slow-head": Kind(
        408, "The request did not arrive in time", "Send the request again",
        "The first line and the headers were not complete in time. Nothing was changed.",
    ),
    "http.large-head": Kind(
        431, "The headers are too large", "Send fewer or shorter headers, and less in the query string",
        "The first line and the headers exceed the limit of the server. Nothing was changed.",
    ),
    "http.too-large": Kind(413, "The body is too large", "Send less in one request"),
    "http.media-type": Kind(415, "The body is not sent as JSON", "Send the header Content-Type: application/json"),
    "http.invalid-message": Kind(422, "The fields do not make the message", "Compare with the schema at /docs"),
    "http.internal": Kind(
        500, "Something went wrong", "Tell the operator: the log of the server has the cause",
        "The request could not be handled because of a fault in the server.",
    ),
    "call.refused": Kind(409, "Refused"),
    "call.too-large": Kind(413, "The message is too large", "Send less in one request"),
    "call.reply-too-large": Kind(
        500, "Done, but the answer is too large", "Do not repeat it. Tell the operator: the reply has to be smaller",
        "The request was handled: a command was applied, or refused. The answer is larger than the services carry.",
    ),
    "call.key-reused": Kind(422, "The idempotency key was used before", "Use a new key for a new request"),
    "call.diverged": Kind(
        409, "Decided differently when run again", "Repeat the request with the same Idempotency-Key",
        "Another request changed the same data meanwhile. This one changed nothing itself; what it called stays.",
    ),
    "call.not-allowed": Kind(
        500, "A service may not make this call", "Tell the operator: the log of the called service has the cause",
        "A service that the request needs has refused the call of another one. Nothing was changed by it.",
    ),
    "value.invalid": Kind(
        500, "A value is not valid", "Tell the operator: the log of the server has the cause",
        "The answer could not be written. Nothing was changed.",
    ),
    "key.invalid": Kind(400, "Not an identity or a key", "Choose a text of at most 512 bytes, without NUL"),
    "view.bad-cursor": Kind(400, "Not a cursor of this query", "Begin at the first page, without a cursor"),
    "view.bad-limit": Kind(400, "Not the size of a page", "Ask for 1 to 1,000 entries"),
    "position.invalid": Kind(400, "Not a position of this system", "Send Remit-Position as it was answered, or not"),
    "state.not-found": Kind(404, "Not found", "Check the identity in the request: nothing has it now"),
    "state.exists": Kind(409, "It exists already", "Read the existing one, or choose another identity"),
    "state.stale": Kind(
        503, "No fresh answer", "Ask without fresh; the operator can see the cause with: remit status",
        "A message on its way to the answer is parked or stuck, or the read model has missed messages.",
    ),
    "call.unavailable": Kind(
        503, "Not available now", "Try again after the seconds in Retry-After, with the same Idempotency-Key",
        "The service could not be reached or could not answer now. The request itself changed nothing.", 1,
    ),
    "call.handler-failed": Kind(
        500, "The handler failed", "Tell the operator: the log of the server has the cause",
        "Nothing that the handler decided was stored. What it called may have taken effect.",
    ),
    "view.too-old": Kind(
        503, "The data are too old", "Try again after the seconds in Retry-After",
        "What the answer comes from has not been brought up to date for longer than it may be.", 5,
    ),
    "call.overloaded": Kind(
        503, "Too many requests", "Try again after the seconds in Retry-After, with the same Idempotency-Key",
        "The request was refused before any work, because too many wait. The request itself changed nothing.", 1,
    ),
    "store.unavailable": Kind(
        503, "Not available now", "Try again after the seconds in Retry-After, with the same Idempotency-Key",
        "The store cannot be used at the moment. The request itself changed nothing.", 2,
    ),
    "call.deadline": Kind(
        504, "Too late",
        "Repeat it with more time in the header Request-Timeout; repeat a command with the same Idempotency-Key",
        "The deadline passed before the outcome. The request itself changed nothing; what it called stays.",
    ),
    "call.unknown": Kind(
        504, "The outcome is unknown",
        "Repeat the request with the same Idempotency-Key; without a key, look at the state first",
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
    """Ends a request with a problem. Raised and caught within this edge."""

    def __init__(self, problem: Problem, headers: Headers | None = None) -> None:
        super().__init__(problem.detail)
        self.problem = problem
        self.headers = headers or []
        self.unread = 0
        """The number of bytes of the body that may still arrive after the answer, and are discarded."""


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
    """The exception that answers with a problem of this code."""
    kind = KINDS[code]
    if kind.retry_after:
        headers = [*(headers or ()), (b"retry-after", b"%d" % kind.retry_after)]
    problem = Problem(
        type=f"urn:remit:problem:{code}", title=kind.title, status=kind.status, detail=detail, code=code,
        where=where, expected=expected, next=next or kind.next, pointer=pointer,
    )  # fmt: skip
    return Rejected(problem, headers)


def problem_of(error: Exception) -> Rejected:
    """The exception that answers with the problem for an error.

    `next` is for the client: what an error itself advises is for the developer of the handler, and is not shown. A
    fault of the server (5xx) shows only a fixed text.
    """
    classes = (getattr(cls, "code", "") for cls in type(error).__mro__)
    code = next((code for code in classes if code in KINDS), "http.internal")
    kind = KINDS[code]
    shown = error if isinstance(error, RemitError) and kind.status < 500 else RemitError(kind.detail)
    where = shown.where if code != "call.too-large" else ""  # the place is a store, which clients must not see
    expected = shown.expected if not code.startswith("state.") else ""  # it names what the handler should have asked
    return rejected(code, shown.what, where=where, expected=expected)


def refused(refusal: Refusal, status: int, where: str) -> Rejected:
    """The exception that answers with the problem for a refusal, with its fields."""
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


def invalid(error: Exception, *, where: str, accepted: str = "", near: str | None = None) -> Rejected:
    """The exception for values that msgspec or a `__post_init__` of the message refused. `accepted` names the accepted
    values, if there are few. `near` is the field that was probably meant."""
    text = reason(error)
    found, expected = _PATH.search(text), _EXPECTED.match(text)
    detail = text[: found.start()] if found else text
    named = _NAMED.search(detail)
    pointer = _pointer(found["path"] if found else "", named["field"] if named else None)
    return rejected(
        "http.invalid-message", detail, where=where, pointer=pointer,
        expected=expected["expected"].replace("`", "") if expected else accepted,
        next=f"Did you mean {near}?" if near else "",
    )  # fmt: skip


def _pointer(path: str, field: str | None) -> str:
    """The JSON pointer for a path like `.lines[0].amount`. It ends before `[...]`, where msgspec hides the key."""
    known, hidden, _ = path.partition("[...]")
    steps = [index or name for index, name in re.findall(r"\[(\d+)\]|\.([^.\[]+)", known)]
    if field is not None and not hidden:
        steps.append(field)
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
