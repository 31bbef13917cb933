"""The codec: JSON by msgspec. The only place where a message becomes bytes or is made from bytes."""

from __future__ import annotations

import dataclasses
from typing import Any, Generic, TypeVar

import msgspec

from remit.errors import BadMessage
from remit.messages.refusal import Refusal

__all__ = ["Codec", "decode_reply", "encode_reply"]

T = TypeVar("T")


class Codec(Generic[T]):
    """Encodes and decodes values of one type. Made once per type, at start.

    Raises `TypeError` when made for a type the wire cannot carry.
    """

    __slots__ = ("_decoder", "_name", "decode", "encode")

    def __init__(self, type: Any, name: str = "") -> None:
        self._name = name or getattr(type, "__name__", str(type))
        self._decoder = msgspec.json.Decoder(type)
        self.encode = msgspec.json.Encoder().encode
        self.decode = self._decoder.decode

    def read(self, data: bytes | str) -> T:
        """Decodes; raises `BadMessage`, with the path of the field, when the bytes are not of this type."""
        try:
            return self._decoder.decode(data)  # type: ignore[no-any-return]  # the decoder was made for T
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise BadMessage(str(error), where=self._name, expected=f"JSON of {self._name}") from error


class _Answer(msgspec.Struct):
    """How a stored or travelling reply looks: a reply, or the name and fields of a refusal."""

    reply: msgspec.Raw = msgspec.Raw(b"null")
    refusal: str | None = None
    fields: msgspec.Raw = msgspec.Raw(b"{}")


_answers: Codec[_Answer] = Codec(_Answer, "reply")


def encode_reply(value: Any) -> bytes:
    """The bytes of a reply, or of a refusal when `value` is one."""
    if isinstance(value, Refusal):
        return msgspec.json.encode({"refusal": type(value).__name__, "fields": value})
    return b'{"reply":' + msgspec.json.encode(value) + b"}"


def decode_reply(data: bytes, codec: Codec[Any], refusals: tuple[type[Refusal], ...]) -> Any:
    """The reply or refusal (returned, not raised) that `encode_reply` wrote.

    Raises `BadMessage` for bytes of another contract.
    """
    answer = _answers.read(data)
    if answer.refusal is None:
        return codec.read(bytes(answer.reply))
    for refusal in refusals:
        if refusal.__name__ == answer.refusal:
            return _read_refusal(refusal, bytes(answer.fields))
    declared = ", ".join(refusal.__name__ for refusal in refusals) or "no refusal"
    raise BadMessage(f"the refusal {answer.refusal!r} is not declared", expected=declared)


def _read_refusal(refusal: type[Refusal], fields: bytes) -> Refusal:
    # msgspec fills the fields without running a constructor; only a constructed exception has its `args`
    if refusal not in _refusals:
        _refusals[refusal] = Codec(refusal)
    return dataclasses.replace(_refusals[refusal].read(fields))


_refusals: dict[type[Refusal], Codec[Refusal]] = {}
