"""Writes and reads the headers of calls: caller, key, trace, deadline, attempt and carried request headers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from urllib.parse import quote, unquote

import msgspec

from remit.contexts import Collected, Seal, Written, collecting
from remit.errors import BadMessage, BadPosition, Unavailable
from remit.log import is_escaped
from remit.messages import fits
from remit.runtime.work.aging import aging
from remit.runtime.work.carried import NO_HEADERS, carried
from remit.stores import nesting
from remit.transports import CallRequest, CallResponse

_CARRIED = "remit-headers"
"""The header that carries the headers of the original request."""
POSITION = "remit-position"
"""The header by which the caller of a command asks at which position it writes, and the header of the answer. Older
releases do not send it."""
AGE = "remit-age"
"""The header of the answer to a query: the age of the oldest read model that it comes from, in seconds. Only of models
that promise their freshness."""
_SEND = "call with remit, in a release that fits the called service"
_carried = msgspec.json.Decoder(dict[str, str])


def write_call(kind: str, *, key: str, caller: str, trace: str) -> dict[str, str]:
    """The headers that are the same in each attempt. Only a command has a key and a caller."""
    headers = {"remit-trace": printable(trace)} if trace else {}
    if kind == "command":
        headers |= {"remit-key": printable(key), "remit-caller": caller}
    if said := carried.get():
        headers[_CARRIED] = printable(msgspec.json.encode(dict(said)).decode())
    if kind == "command" and collecting.get() is not None:
        headers[POSITION] = ""
    if deep := nesting.depth():
        headers["remit-depth"] = str(deep)
    return headers


def timed(headers: Mapping[str, str], seconds: float, attempt: int | None = None) -> dict[str, str]:
    """Adds the time left for the answer, and the number of the attempt, from 0."""
    said = {**headers, "remit-timeout-ms": str(int(seconds * 1000))}
    if attempt is not None:
        said["remit-attempt"] = str(attempt)
    return said


def take_position(answer: CallResponse, collected: Collected, seal: Seal) -> None:
    """Adds the position in the answer to a command. An answer without one means that it is not known."""
    try:
        said = answer.headers.get(POSITION, "")
        if said:
            collected.note(seal.read(said), seal)
        elif answer.status == "ok":
            collected.lose("the called service did not say")
    except BadPosition as error:
        collected.lose(error.what)


def add_position(answer: CallResponse, written: Written) -> CallResponse:
    """The answer to a command, with the position of what it has written, if that is known."""
    try:
        position = written.position
    except Unavailable:
        return answer
    return answer._replace(headers={**answer.headers, POSITION: position}) if position else answer


def take_age(answer: CallResponse) -> None:
    """Passes the age in the answer to a query on to who asks."""
    if (noted := aging.get()) is not None:
        with suppress(ValueError):
            noted.append(float(answer.headers[AGE]))


def add_age(answer: CallResponse, noted: Sequence[float]) -> CallResponse:
    """The answer to a query, with the age of what it comes from."""
    return answer._replace(headers={**answer.headers, AGE: f"{max(noted):.3f}"})


def read_seconds(request: CallRequest) -> float:
    """The time that the caller has left. Raises `BadMessage` without that header: every call has a deadline."""
    said = request.headers.get("remit-timeout-ms", "")
    if not said.isdecimal():
        raise BadMessage(
            "the call has no deadline", where=request.kind, expected="the header remit-timeout-ms", next=_SEND
        )
    return int(said) / 1000


def read_identity(request: CallRequest) -> tuple[str, str, str]:
    """Caller, key and trace of a command. Raises `BadMessage`."""
    where = request.headers["remit-type"]
    key, trace = original(request.headers.get("remit-key", "")), read_trace(request)
    if not key:
        raise BadMessage("a command without a key", where=where, expected="the header remit-key", next=_SEND)
    if not is_escaped(trace):  # it becomes part of the JSON headers of messages
        raise BadMessage(
            "a trace with characters that are not escaped", where=where, expected="the header remit-trace, escaped",
            next=_SEND,
        )  # fmt: skip
    if not fits(caller := request.headers.get("remit-caller", "")):
        raise BadMessage(
            "a caller that cannot be stored", where=where, next=_SEND,
            expected="the header remit-caller, with at most 512 bytes of UTF-8",
        )  # fmt: skip
    return caller, key, trace


def read_trace(request: CallRequest) -> str:
    """The trace; empty if there is none. Raises `BadMessage`."""
    return original(request.headers.get("remit-trace", ""))


def read_carried(request: CallRequest) -> Mapping[str, str]:
    """The carried headers of the original request. Raises `BadMessage`."""
    if _CARRIED not in request.headers:
        return NO_HEADERS
    try:
        return _carried.decode(original(request.headers[_CARRIED]))
    except msgspec.MsgspecError as error:
        raise BadMessage(
            f"the header cannot be read: {error}", where=_CARRIED, expected="texts by name", next=_SEND
        ) from None


def read_depth(request: CallRequest) -> int:
    """How many calls in the chain so far may hold an open transaction."""
    text = request.headers.get("remit-depth", "")
    return int(text) if len(text) < 4 and text.isdecimal() else 0


def is_repeated(request: CallRequest) -> bool:
    """Whether it is a repeated attempt, of the caller or further out in the chain."""
    return request.headers.get("remit-attempt", "0") != "0"


def printable(text: str) -> str:
    """Percent-encodes a text, such as a user's key, for a header. Most texts stay as they are."""
    return text if text.isascii() and text.isalnum() else quote(text, safe=_PRINTED)


def original(printed: str) -> str:
    """Reverses `printable`. Raises `BadMessage` if the text is not valid."""
    try:
        return unquote(printed, errors="strict")
    except UnicodeDecodeError:
        raise BadMessage(
            f"{printed!r} is not percent-encoded UTF-8", where="the headers of a call",
            expected="percent-encoded UTF-8", next=_SEND,
        ) from None  # fmt: skip


# "%" itself is escaped, so that different texts stay different.
_PRINTED = "".join(map(chr, range(33, 127))).replace("%", "")
