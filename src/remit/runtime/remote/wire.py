"""Encodes and decodes what calls carry: messages, replies, refusals, errors, and requests to logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NoReturn, TypeVar

import msgspec

from remit import errors
from remit.errors import BadMessage, CallError, OutcomeUnknown, Overloaded, RemitError, Unavailable
from remit.log import Channel
from remit.messages import UNWRITABLE, Codec, Contract, Encoding, Refusal, decode_reply, difference, reply_of
from remit.runtime.remote.retries import Usual
from remit.transports import CallRequest, CallResponse

T = TypeVar("T")

CONTENT_TYPES: Mapping[Encoding, str] = {"json": "application/json", "msgpack": "application/msgpack"}
ENCODINGS: Mapping[str, Encoding] = {content: encoding for encoding, content in CONTENT_TYPES.items()}
KEPT = "remit-kept"
"""The header of a refusal that is kept under the key of its command. Older releases do not send it."""
LENGTH = "remit-length"
"""The header of a piece of a response: the length of the whole in bytes."""


class ChannelCodec:
    """Values of one type in the encoding of a channel, or in JSON if that encoding cannot express them.

    So every encoding accepts the same values: MessagePack is limited to 64-bit integers, and of a time with an offset
    it keeps only the moment.
    """

    __slots__ = ("_native", "json")

    def __init__(self, type: Any, encoding: Encoding, of: str = "a value") -> None:
        self.json: Codec[Any] = Codec(type, of=of)
        self._native: Codec[Any] = self.json if encoding == "json" else Codec(type, encoding=encoding, of=of)

    def codec(self, encoding: Encoding) -> Codec[Any]:
        """The codec for this encoding."""
        return self.json if encoding == "json" else self._native

    def write(self, value: Any) -> tuple[Encoding, bytes]:
        """Encodes a value; returns the encoding and the bytes. Raises `BadValue` if it could not be read again."""
        plain, native = self.json, self._native
        if native is plain:
            return "json", plain.write(value)
        try:
            body = native.encode(value)
        except OverflowError:
            return "json", plain.write(value)
        except UNWRITABLE as error:
            raise plain.bad_value(value, error) from error
        if plain.is_exact:
            native.check_written(value, body)
        else:
            as_json = plain.write(value)  # what JSON cannot express is refused in every encoding
            if plain.has_times and difference(value, native.decode(body)):
                return "json", as_json
        return native.encoding, body


class AnswerCodecs:
    """Encodes the replies and refusals of one command or query."""

    __slots__ = ("_encoding", "_refusals", "reply")

    def __init__(self, reply: Any, encoding: Encoding, of: str = "a value") -> None:
        self._encoding: Encoding = encoding
        self._refusals: dict[type, ChannelCodec] = {}
        self.reply = ChannelCodec(reply, encoding, of)

    def write(self, outcome: Any) -> tuple[Encoding, bytes]:
        """Encodes a reply or a refusal; returns the encoding and the bytes. Raises `BadValue`."""
        if not isinstance(outcome, Refusal):
            encoding, body = self.reply.write(outcome)
            return encoding, _encode(encoding, {"reply": msgspec.Raw(body)})
        part = self._refusals.get(type(outcome))
        if part is None:
            part = self._refusals[type(outcome)] = ChannelCodec(type(outcome), self._encoding)
        encoding, body = part.write(outcome)
        return encoding, _encode(encoding, {"refusal": type(outcome).__name__, "fields": msgspec.Raw(body)})


def _encode(encoding: Encoding, answer: dict[str, Any]) -> bytes:
    return msgspec.json.encode(answer) if encoding == "json" else msgspec.msgpack.encode(answer)


class CallCodec:
    """Encodes one command or query: its address, its requests and its responses."""

    __slots__ = (
        "_answers", "_encoding", "_known", "_message", "address", "codec", "contract", "kind", "refusals", "usual",
    )  # fmt: skip

    def __init__(self, address: str, kind: Literal["command", "query"], contract: Contract, encoding: Encoding) -> None:
        reply, self.refusals = reply_of(contract.message)
        self.address = address
        self.kind = kind
        self.contract = contract
        self.usual = Usual()
        self._encoding: Encoding = encoding
        self._message = ChannelCodec(contract.message, encoding)
        self._answers = AnswerCodecs(reply, encoding, f"the reply of {contract.type}")
        self.codec: Codec[Any] = self._message.json
        """Tells whether two messages are equal, whatever encoding carries them."""
        known = {"remit-type": contract.type, "remit-version": str(contract.version)}
        self._known = {each: {"content-type": content, **known} for each, content in CONTENT_TYPES.items()}

    def request(self, message: Any, headers: Mapping[str, str], speaker: str = "") -> CallRequest:
        """A request without the headers that change with each attempt. Raises `BadValue`."""
        encoding, body = self._message.write(message)
        return CallRequest(self.kind, {**self._known[encoding], **headers}, body, speaker)

    def read(self, request: CallRequest) -> Any:
        """Decodes the message. Raises `BadMessage`."""
        return self._message.codec(self._encoding).read(request.body)

    def answer(self, outcome: Any, *, kept: bool = False) -> CallResponse:
        """The response with a reply, or with a refusal, `kept` or not. Raises `BadValue`."""
        encoding, body = self._answers.write(outcome)
        headers = {"content-type": CONTENT_TYPES[encoding]}
        if kept:
            headers[KEPT] = "1"
        return CallResponse("ok", headers, body)

    def outcome(self, answer: CallResponse) -> Any:
        """Decodes the reply. Raises the refusal or the error in the response; `BadMessage` if it cannot be read."""
        if answer.status != "ok":
            raise_failure(answer, self.address, OutcomeUnknown if self.kind == "command" else Unavailable)
        encoding = ENCODINGS.get(answer.headers.get("content-type", ""), self._encoding)
        try:
            outcome = decode_reply(answer.body, self._answers.reply.codec(encoding), self.refusals)
        except BadMessage as error:
            raise BadMessage(
                f"{self.contract.type} was answered, but the answer cannot be read here: {error.what}",
                where=self.address, expected=error.expected, next="run the same release here as in the other process",
            ) from error  # fmt: skip
        if isinstance(outcome, Refusal):
            raise outcome
        return outcome


# ── errors ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_BY_CODE: dict[str, type[RemitError]] = {
    value.code: value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, RemitError)
}


class _Failure(msgspec.Struct, omit_defaults=True):
    what: str = ""
    where: str = ""
    expected: str = ""
    next: str = ""


def failure(error: RemitError) -> CallResponse:
    """The response for an error. Its code identifies the class."""
    headers = {}
    if isinstance(error, Overloaded) and error.retry_after:
        headers["remit-retry-after-ms"] = str(int(error.retry_after * 1000))
    body = _Failure(error.what, error.where, error.expected, error.next)
    return CallResponse(error.code, headers, msgspec.json.encode(body))


def raise_failure(answer: CallResponse, address: str, unknown: type[CallError] = Unavailable) -> NoReturn:
    """Raises the error in a response. `unknown` is the class for a code of a later release."""
    try:
        said = msgspec.json.decode(answer.body, type=_Failure)
    except msgspec.MsgspecError:
        said = _Failure(f"{address} answered {answer.status}")
    made = _BY_CODE.get(answer.status, unknown)(
        said.what, where=said.where or address, expected=said.expected, next=said.next
    )
    if isinstance(made, Overloaded) and (after := answer.headers.get("remit-retry-after-ms", "")).isdecimal():
        made.retry_after = int(after) / 1000
    made.answered = True
    raise made


def is_shed(answer: CallResponse) -> bool:
    """Whether the other side refused the call unhandled. An overload of something that it called in turn is an
    answer."""
    return answer.status == Overloaded.code and "remit-retry-after-ms" in answer.headers


# ── logs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Span(msgspec.Struct, array_like=True):
    """A request for messages of one partition after a position."""

    channel: Channel
    part: int
    after: int
    limit: int
    begin: int = 0
    """The byte of the response to begin at, if it comes in pieces."""
    types: Sequence[str] | None = None
    """The types that the reader follows there; `billing.*` for all that begin so. None from an older release."""


class KnownHeads(msgspec.Struct, array_like=True):
    """A long-poll: the heads that the caller knows. Answered once there are newer ones, or after `wait_seconds`."""

    channel: Channel
    positions: Mapping[int, int]
    wait_seconds: float


class ProgressReport(msgspec.Struct, array_like=True):
    """Asks where a log begins, and optionally reports the progress of a subscription."""

    channel: Channel
    subscription: str
    positions: Mapping[int, int] | None


def question_of(request: CallRequest, kind: type[T]) -> T:
    """Decodes a request to a log. Raises `BadMessage`."""
    return _read(request.body, kind, request.kind)


def answer_of(what: object) -> CallResponse:
    """The response to a request to a log."""
    return CallResponse("ok", {"content-type": CONTENT_TYPES["msgpack"]}, msgspec.msgpack.encode(what))


def heard(answer: CallResponse, kind: type[T], address: str) -> T:
    """Decodes such a response. Raises the error in it, and `BadMessage`."""
    if answer.status != "ok":
        raise_failure(answer, address)
    return _read(answer.body, kind, address)


def _read(body: bytes, kind: type[T], where: str) -> T:
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise BadMessage(
            f"the content cannot be read: {error}", where=where, expected="a request or an answer of this release",
            next="run the same release in both services",
        ) from None  # fmt: skip


def piece_of(answer: CallResponse, begin: int, largest: int) -> CallResponse:
    """The response, if it fits into `largest` bytes; otherwise the piece that starts at the byte `begin`."""
    whole = answer.body
    if len(whole) <= largest and not begin:
        return answer
    return answer._replace(headers={**answer.headers, LENGTH: str(len(whole))}, body=whole[begin : begin + largest])


def length_of(answer: CallResponse) -> int:
    """The length in bytes of the whole response that this is a piece of."""
    length = answer.headers.get(LENGTH, "")
    return int(length) if length.isdecimal() else len(answer.body)
