"""The codec: JSON or MessagePack by msgspec. The only place where a message becomes bytes or is made from bytes.

Releases that run side by side know different fields. Commands and queries are read strictly: an unknown field is an
error, because its sender relies on it. They are written without fields that have their default value, so that an
older release can still read them. Events and replies are read without the fields that are new. Stored values keep
their unknown fields: these are put back when the value is written again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from inspect import isclass
from typing import Any, Generic, Literal, TypeVar

import msgspec

from remit.errors import BadMessage, BadValue, reason
from remit.messages.base import Command, Query, Refusal
from remit.messages.fidelity import content_of, difference, field_names, has_times, is_exact
from remit.messages.fields import (
    Brevity,
    Shape,
    Unknown,
    has_defaults,
    has_other_keys,
    in_order,
    is_lenient,
    is_unordered,
    leave_out_first_tags,
    supply_tags,
    take_unknown,
)
from remit.messages.forms import described, form_of
from remit.messages.plain import lightness, plainness
from remit.messages.stamps import refuse_versions
from remit.messages.unions import TAG

T = TypeVar("T")


Encoding = Literal["json", "msgpack"]
_NAMES: dict[Encoding, str] = {"json": "JSON", "msgpack": "MessagePack"}
_ENCODINGS: dict[Encoding, Any] = {"json": msgspec.json, "msgpack": msgspec.msgpack}
_NATIVE: dict[Encoding, tuple[type, ...]] = {"json": (), "msgpack": (bytes, bytearray, memoryview, datetime)}
"""Types for which an encoding has a native form beyond those of JSON."""
UNWRITABLE = (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError)
"""Exceptions raised for a value that cannot be written or cannot be read back."""
_LONG_NUMBER = "sys.set_int_max_str_digits"
"""Names the function that Python's error mentions for an int with too many digits."""


class Codec(Generic[T]):
    """Encodes and decodes values of one type. Made once per type, at start. Stored values are always JSON.

    `of` says in errors what the value is: "the reply of sales.Place". Making it raises `TypeError` for a type that the
    codec cannot carry.
    """

    __slots__ = (
        "_asks", "_brevity", "_brief", "_content", "_decoder", "_form", "_has_other_keys", "_lenient", "_name",
        "_of", "_shape", "_unordered", "decode", "encode", "encoding", "has_times", "is_exact", "is_light", "is_plain",
        "write",
    )  # fmt: skip

    def __init__(self, type: Any, name: str = "", *, encoding: Encoding = "json", of: str = "a value") -> None:
        self._name = name or getattr(type, "__name__", str(type))
        self._of = of
        self.encoding: Encoding = encoding
        self._form = form = form_of(type)
        self._shape = described(form.type)
        self._decoder = _ENCODINGS[encoding].Decoder(form.type)
        if form.read is not None:
            self._decoder = _TurningDecoder(self._decoder, self._shape, form.read, encoding)
        self._asks = isclass(type) and issubclass(type, (Command, Query))
        self.encode: Callable[[Any], bytes] = _ENCODINGS[encoding].Encoder().encode
        self.decode: Callable[[bytes | str], T] = self._decoder.decode
        self._brief = self._asks and has_defaults(self._shape)
        if self._brief:
            self._brevity = Brevity(self._shape)
            self.encode = self._encode_briefly
        if form.write is not None:
            self.encode = _turning(form.write, self.encode)
        self._unordered = is_unordered(self._shape)
        self._lenient = is_lenient(self._shape)
        self._has_other_keys = has_other_keys(self._shape)
        self.is_exact = is_exact(self._shape)
        self.has_times = has_times(self._shape)
        self._content = content_of(type)
        self.is_plain: Callable[[Any], bool] = plainness(self._shape) or _is_never_plain
        self.write: Callable[[T], bytes] = self._writing()
        self.is_light: Callable[[Any], bool] = lightness(self._shape) or _is_never_plain
        """If True, the value can certainly be written, and needs no trial encoding. False decides nothing."""

    def _writing(self) -> Callable[[T], bytes]:
        encode, is_plain = self.encode, self.is_plain

        def write(value: T) -> bytes:
            """The bytes of a value, which can be read again. Raises `BadValue` if they could not be."""
            try:
                body = encode(value)
            except UNWRITABLE as error:
                raise self.bad_value(value, error) from error
            if not is_plain(value):
                self._read_again(value, body)
            return body

        return write

    def check_written(self, value: T, body: bytes) -> None:
        """Raises `BadValue` if these bytes of a value could not be read again."""
        if not self.is_plain(value):
            self._read_again(value, body)

    def _read_again(self, value: T, body: bytes) -> None:
        try:
            self._compare(value, self.decode(body))  # a value of another type may be read as one of the right type
        except UNWRITABLE as error:
            raise self.bad_value(value, error) from error

    def _compare(self, value: Any, back: Any) -> None:
        content = self._content
        try:
            if (value == back) if content is None else (content(value) == content(back)):
                return
        except Exception:  # noqa: BLE001, S110  # the `__eq__` of the user may raise; `difference` compares the parts
            pass
        if found := difference(value, back):
            raise self.bad_value(value, found)

    def bad_value(self, value: T, why: object) -> BadValue:
        """The error for a value that could not be read again. `why` is an error of msgspec, or a sentence."""
        if isinstance(why, msgspec.ValidationError):  # NaN and infinity become null; the difference says so, this not
            with suppress(*UNWRITABLE):
                known = msgspec.to_builtins(value, str_keys=True)
                why = difference(known, msgspec.json.decode(msgspec.json.encode(value))) or why
        if _LONG_NUMBER in str(why):
            why = "a whole number has more than 4,300 characters"
        return BadValue(
            f"{self._of} is not a valid {self._name}: {why}", where=self._name,
            expected="what its type allows and JSON can hold: finite numbers, UTC offsets of whole minutes, Unicode",
            next="check the value before it is stored or sent",
        )  # fmt: skip

    def decode_strictly(self, data: bytes | str) -> T:
        """Decodes bytes that only this release may have written: an unknown field is an error at any depth.

        Raises `msgspec.ValidationError` and `msgspec.DecodeError`.
        """
        if self._lenient:
            self._refuse_unknown(data)
        return self.decode(data)

    def read(self, data: bytes | str) -> T:
        """Decodes. Raises `BadMessage`, with the path of the field, if the bytes are not of this type."""
        try:
            if self._lenient and self._asks:
                self._refuse_unknown(data)
            return self._decoder.decode(data)  # type: ignore[no-any-return]  # the decoder was made for T
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            failure: Exception = error
        if not self._asks or TAG in str(failure):
            try:
                return self._read_tagged(data) if self._asks else self.restore(data)[0]
            except (msgspec.ValidationError, msgspec.DecodeError) as error:
                failure = error  # reports what does not fit apart from fields that are merely new
        raise BadMessage(
            reason(failure), where=self._name,
            expected=self.choices(failure) or f"{_NAMES[self.encoding]} of {self._name}",
        ) from failure  # fmt: skip

    def choices(self, failure: BaseException | None) -> str:
        """What is accepted, where reading failed because a value is none of a few: "one of: ...". Empty for other
        failures."""
        from remit.messages.choices import choices  # of use in failures only: importing `remit` should take little time

        accepted = choices(self._shape, str(failure))
        return f"one of: {', '.join(map(repr, accepted))}" if accepted else ""

    def near_field(self, failure: BaseException) -> str | None:
        """The field that was probably meant, where reading failed because of an unknown one. None if none is near."""
        from remit.messages.choices import near_field  # as in `choices`

        return near_field(self._shape, str(failure))

    def restore(self, data: bytes | str) -> tuple[T, Rest | None]:
        """Decodes what another release may have stored. Returns the value, and the fields unknown to this release.

        Raises `msgspec.ValidationError` and `msgspec.DecodeError`.
        """
        try:
            value: T = self._decoder.decode(data)
            if not self._lenient:
                return value, None
            known, unknown = self._known(data)
            if unknown is None:
                return value, None
        except msgspec.ValidationError:
            refuse_versions(data)
            known, unknown = self._known(data)
            if unknown is None:
                raise
        value = self._decoder.decode(_ENCODINGS[self.encoding].encode(known))
        return value, Rest(unknown, self.encode(value), data if isinstance(data, bytes) else data.encode())

    def restore_all(self, data: Sequence[bytes | str]) -> list[T]:
        """The values of `restore`, for several. Raises as it does."""
        if not self._lenient:
            with suppress(msgspec.ValidationError):
                return list(map(self.decode, data))
        return [self.restore(each)[0] for each in data]

    def _known(self, data: bytes | str) -> tuple[Any, Unknown | None]:
        """The decoded data with the known fields only, and the unknown ones."""
        known = _ENCODINGS[self.encoding].decode(data)
        if self._form.read is not None:
            supply_tags(self._shape, known)
        return known, take_unknown(self._shape, known)

    def _read_tagged(self, data: bytes | str) -> T:
        """Decodes a message from a release in which a record has a tag because it is a member of a union there."""
        known, unknown = self._known(data)
        _refuse(unknown)
        return self.decode(_ENCODINGS[self.encoding].encode(known))

    def _refuse_unknown(self, data: bytes | str) -> None:
        _, unknown = self._known(data)
        _refuse(unknown)

    def _encode_briefly(self, message: Any) -> bytes:
        native = _NATIVE[self.encoding]
        said = self._brevity.shorten(message, native, text_keys=self.encoding == "json")
        return _ENCODINGS[self.encoding].encode(said)  # type: ignore[no-any-return]  # msgspec's encode

    def fields_of(self, record: Any) -> dict[str, Any]:
        """The fields of a record by name. Records inside that are members of a union have their tags."""
        written = record if self._form.write is None else self._form.write(record)
        return {name: getattr(written, name) for name in field_names(type(record))}

    def canonical(self, value: Any) -> bytes:
        """The canonical bytes of a value. They are equal for values written alike, in every process and release,
        whatever the order of sets, mappings and fields. Commands and queries are written without default values.

        Raises `BadValue`.
        """
        read, data = _ENCODINGS[self.encoding], value
        try:
            if not self.is_plain(value):
                data = self.decode(self.encode(value))
                self._compare(value, data)
            if self._form.write is not None:
                data = self._form.write(data)
            if self._brief:
                data = self._brevity.shorten(data, _NATIVE[self.encoding], text_keys=True)
            if self._has_other_keys or self._form.write is not None:
                data = msgspec.to_builtins(data, builtin_types=_NATIVE[self.encoding], str_keys=True)
            if self._unordered:
                data = in_order(self._shape, read.decode(read.encode(data)))
            if self._form.write is not None:
                leave_out_first_tags(self._shape, data)
            return read.encode(data, order="sorted")  # type: ignore[no-any-return]  # msgspec's encode
        except UNWRITABLE as error:
            raise self.bad_value(value, error) from error


def _is_never_plain(value: Any) -> bool:
    return False


def _turning(turn: Callable[[Any], Any], encode: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    return lambda value: encode(turn(value))


def _refuse(unknown: Unknown | None) -> None:
    if unknown is not None and (named := unknown.named()) is not None:
        raise msgspec.ValidationError(f"Object contains unknown field {named}")


class _TurningDecoder:
    """Decodes a type with unions of records. A record without a tag is read as the first member of its union."""

    __slots__ = ("_decode", "_encoding", "_shape", "_turn")

    def __init__(self, decoder: Any, shape: Shape, turn: Callable[[Any], Any], encoding: Encoding) -> None:
        self._decode, self._shape, self._turn, self._encoding = decoder.decode, shape, turn, _ENCODINGS[encoding]

    def decode(self, data: bytes | str, /) -> Any:
        try:
            found = self._decode(data)
        except msgspec.ValidationError as error:
            if TAG not in str(error):
                raise
            known = self._encoding.decode(data)
            if not supply_tags(self._shape, known):
                raise
            found = self._decode(self._encoding.encode(known))
        try:
            return self._turn(found)
        except (TypeError, ValueError) as error:  # raised by the `__post_init__` of a record
            raise msgspec.ValidationError(str(error)) from error


class Rest:
    """The fields of a stored value that this release does not know, kept until it is written again. JSON only."""

    __slots__ = ("_before", "_stored", "_unknown")

    def __init__(self, unknown: Unknown, before: bytes, stored: bytes) -> None:
        self._unknown = unknown
        self._before = before
        self._stored = stored

    def stored_as(self, form: Callable[[bytes], bytes]) -> None:
        """The stored bytes have another form."""
        self._stored = form(self._stored)

    def completed(self, body: bytes) -> bytes:
        """The bytes of the changed value with the unknown fields put back.

        Raises `BadValue` if the elements of a set differ only in unknown fields and the value was changed.
        """
        if self._unknown.merged:
            if body == self._before:
                return self._stored
            raise BadValue(
                "elements of a set differ only in what another release has stored and this one does not know: all but"
                " one would be lost", expected="a release that knows their fields to change what has the set",
                next="release it everywhere, or roll back what has added the field",
            )  # fmt: skip
        after = msgspec.json.decode(body)
        self._unknown.put_back(msgspec.json.decode(self._before), after)
        return msgspec.json.encode(after)


class _Answer(msgspec.Struct):
    """The stored or sent form of a reply: the reply itself, or the name and fields of a refusal."""

    reply: msgspec.Raw = msgspec.Raw()
    refusal: str | None = None
    fields: msgspec.Raw = msgspec.Raw()


_answers: dict[Encoding, Codec[_Answer]] = {
    "json": Codec(_Answer, "reply"),
    "msgpack": Codec(_Answer, "reply", encoding="msgpack"),
}


def encode_reply(value: Any) -> bytes:
    """The JSON of a reply, or of a refusal if `value` is one."""
    if isinstance(value, Refusal):
        fields = msgspec.Raw(_codec_of(type(value), "json").encode(value))
        return msgspec.json.encode({"refusal": type(value).__name__, "fields": fields})
    return msgspec.json.encode({"reply": value})


def fields_of_refusal(refusal: Refusal) -> dict[str, Any]:
    """The fields of a refusal in their written form."""
    return _codec_of(type(refusal), "json").fields_of(refusal)


def write_reply(value: Any, codec: Codec[Any], declared: tuple[type[Refusal], ...] | None = None) -> bytes:
    """The JSON of a reply or refusal, to be stored. Raises `BadValue` for a value that could not be read again, and
    raises `value` itself if it is a refusal that is not among the `declared` ones."""
    if not isinstance(value, Refusal):
        return b'{"reply":' + codec.write(value) + b"}"
    if declared is not None and value.__class__ not in declared:
        raise value
    refused = _codec_of(type(value), "json")
    return b'{"refusal":"' + type(value).__name__.encode() + b'","fields":' + refused.write(value) + b"}"


def decode_reply(data: bytes, codec: Codec[Any], refusals: tuple[type[Refusal], ...]) -> Any:
    """Reads a reply or a refusal that was written in the encoding of the codec. A refusal is returned, not raised.

    Raises `BadMessage` for bytes of another contract.
    """
    answer = _answers[codec.encoding].read(data)
    if answer.refusal is None and (reply := bytes(answer.reply)):
        return codec.read(reply)
    for refusal in refusals:
        if refusal.__name__ == answer.refusal:
            fields = bytes(answer.fields) or _ENCODINGS[codec.encoding].encode({})
            # msgspec fills the fields without running a constructor; only a constructed exception has its `args`
            return dataclasses.replace(_codec_of(refusal, codec.encoding).read(fields))
    declared = ", ".join(refusal.__name__ for refusal in refusals) or "no refusal"
    raise BadMessage(f"the refusal {answer.refusal!r} is not declared", expected=declared)


def _codec_of(refusal: type[Refusal], encoding: Encoding) -> Codec[Refusal]:
    codec = _refusals.get((refusal, encoding))
    if codec is None:
        codec = _refusals[refusal, encoding] = Codec(refusal, encoding=encoding)
    return codec


_refusals: dict[tuple[type[Refusal], Encoding], Codec[Refusal]] = {}
