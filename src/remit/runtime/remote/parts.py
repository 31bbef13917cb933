"""What a call carries: a message, a reply or a refusal, written for another process and read again."""

from __future__ import annotations

from typing import Any

import msgspec

from remit.messages import UNWRITABLE, Codec, Encoding, Refusal, difference

__all__ = ["Answers", "Part"]


class Part:
    """Values of one type in the encoding of a channel, or as JSON where that encoding has no form for them.

    So every encoding accepts the same: MessagePack ends at 64 bits, and keeps of a time with an offset only the moment.
    """

    __slots__ = ("_native", "json")

    def __init__(self, type: Any, encoding: Encoding) -> None:
        self.json: Codec[Any] = Codec(type)
        self._native: Codec[Any] = self.json if encoding == "json" else Codec(type, encoding=encoding)

    def codec(self, encoding: Encoding) -> Codec[Any]:
        """What reads this encoding."""
        return self.json if encoding == "json" else self._native

    def write(self, value: Any) -> tuple[Encoding, bytes]:
        """The bytes of a value, and what they are in. Raises `BadValue` for what could not be read again."""
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
            as_json = plain.write(value)  # what JSON has no form for is refused in each encoding
            if plain.has_times and difference(value, native.decode(body)):
                return "json", as_json
        return native.encoding, body


class Answers:
    """The replies and refusals of one command or query."""

    __slots__ = ("_encoding", "_refusals", "reply")

    def __init__(self, reply: Any, encoding: Encoding) -> None:
        self._encoding: Encoding = encoding
        self._refusals: dict[type, Part] = {}
        self.reply = Part(reply, encoding)

    def write(self, outcome: Any) -> tuple[Encoding, bytes]:
        """The bytes of a reply, or of a refusal, and what they are in. Raises `BadValue`."""
        if not isinstance(outcome, Refusal):
            encoding, body = self.reply.write(outcome)
            return encoding, _encode(encoding, {"reply": msgspec.Raw(body)})
        part = self._refusals.get(type(outcome))
        if part is None:
            part = self._refusals[type(outcome)] = Part(type(outcome), self._encoding)
        encoding, body = part.write(outcome)
        return encoding, _encode(encoding, {"refusal": type(outcome).__name__, "fields": msgspec.Raw(body)})


def _encode(encoding: Encoding, answer: dict[str, Any]) -> bytes:
    return msgspec.json.encode(answer) if encoding == "json" else msgspec.msgpack.encode(answer)
