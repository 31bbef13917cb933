"""Makes the message from path, query string and body. Everything is converted and checked; nothing is ignored.

Path and query string are texts, which are converted to the types of the fields. The JSON body must have these types
already. GET and DELETE take all fields outside of the path from the query string, POST and PUT from the body.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import msgspec
from msgspec import inspect, structs

from remit.edges.http.problems import Rejected, invalid, rejected
from remit.errors import BadValue
from remit.messages import Codec, Message, describe

Reader = Callable[[tuple[str, ...], dict[str, list[str]], bytes], Message]

_ARRAYS = (inspect.ListType, inspect.SetType, inspect.FrozenSetType, inspect.VarTupleType)
_TEXTS = (
    inspect.StrType, inspect.IntType, inspect.FloatType, inspect.BoolType, inspect.DecimalType, inspect.UUIDType,
    inspect.DateTimeType, inspect.DateType, inspect.TimeType, inspect.TimeDeltaType, inspect.EnumType,
    inspect.LiteralType, inspect.BytesType,
)  # fmt: skip


def fields_of(message: type[Message]) -> tuple[structs.FieldInfo, ...]:
    """The fields of a message class."""
    struct: Any = message  # checkers see messages as plain classes
    return structs.fields(struct)


def arrives_as(type: Any) -> str:
    """How a path or query string can carry a value of this type: "text", "texts" (repeated), or "" (not at all)."""
    return _arrives(describe(type))


def _arrives(info: inspect.Type) -> str:
    if isinstance(info, inspect.Metadata):
        return _arrives(info.type)
    if isinstance(info, inspect.UnionType):
        kinds = {_arrives(member) for member in info.types if not isinstance(member, inspect.NoneType)}
        return kinds.pop() if len(kinds) == 1 else ""
    if isinstance(info, _ARRAYS):
        return "texts" if _arrives(info.item_type) == "text" else ""
    return "text" if isinstance(info, _TEXTS) else ""


def body_type(message: type[Message], places: Collection[str]) -> Any:
    """The type of the body: the message itself, or a record of its fields that are not in the path."""
    if not places:
        return message
    rest = [field for field in fields_of(message) if field.encode_name not in places]
    return _record(f"{message.__name__}Body", message, places, rest)


def query_reader(message: type[Message], places: tuple[str, ...]) -> Reader:
    """A function that makes the message from path and query string."""
    codec = Codec[Any](message)
    many = {f.encode_name for f in fields_of(message) if arrives_as(f.type) == "texts"}

    def read(values: tuple[str, ...], query: dict[str, list[str]], body: bytes) -> Message:
        given: dict[str, Any] = dict(zip(places, values, strict=True))
        for name, texts in query.items():
            if name in given:
                raise _unknown(name, f"{name} is part of the path, not a parameter")
            given[name] = texts if name in many else only(name, texts)
        made: Message = _convert(given, codec, message, places)
        return made

    return read


def only(name: str, texts: list[str]) -> str:
    """The one value of a parameter. Raises `Rejected` if there are several."""
    if len(texts) > 1:
        raise rejected(
            "http.invalid-message", f"The parameter {name} is given {len(texts)} times", where="query string",
            pointer=f"/{name}", expected="one value", next=f"Send {name} once",
        )  # fmt: skip
    return texts[0]


def body_reader(message: type[Message], places: tuple[str, ...], codec: Codec[Any]) -> Reader:
    """A function that makes the message from path and body. `codec` is for the type of the body."""
    if not places:

        def read_whole(values: tuple[str, ...], query: dict[str, list[str]], body: bytes) -> Message:
            _no_parameters(query)
            whole: Message = _decode(codec, body)
            return whole

        return read_whole

    named = {field.encode_name: field for field in fields_of(message)}
    path_type = _record(f"{message.__name__}Path", message, places, [named[place] for place in places])
    path_codec = Codec[Any](path_type)

    def read(values: tuple[str, ...], query: dict[str, list[str]], body: bytes) -> Message:
        _no_parameters(query)
        first = _convert(dict(zip(places, values, strict=True)), path_codec, path_type, places)
        rest = _decode(codec, body)
        try:
            return message(**structs.asdict(first), **structs.asdict(rest))
        except (TypeError, ValueError) as error:  # raised by the `__post_init__` of the message
            raise invalid(error, where="path and body") from error

    return read


def _record(name: str, message: type[Message], places: Collection[str], fields: list[structs.FieldInfo]) -> Any:
    """A record of some fields of the message, as strict as the message. Its module name has the fields in the path."""
    declared: list[Any] = []
    for field in fields:
        options: dict[str, Any] = {"name": field.encode_name}
        if field.default is not msgspec.NODEFAULT:
            options["default"] = field.default
        if field.default_factory is not msgspec.NODEFAULT:
            options["default_factory"] = field.default_factory
        declared.append((field.name, field.type, msgspec.field(**options)))
    module = ".".join([message.__module__, *sorted(places)])
    return msgspec.defstruct(name, declared, module=module, kw_only=True, forbid_unknown_fields=True)


def _convert(given: dict[str, Any], codec: Codec[Any], type: Any, places: tuple[str, ...]) -> Any:
    try:
        made = msgspec.convert(given, type, strict=False)
        codec.write(made)  # a text may stand for a value that JSON lacks, such as an infinite number
    except msgspec.ValidationError as error:
        place = next((name for name in places if f"`$.{name}`" in str(error)), None)
        where = "path" if place else "query string"
        near = codec.near_field(error)
        near = None if near in places else near
        raise invalid(error, where=where, accepted=codec.choices(error), near=near) from error
    except BadValue as error:
        raise invalid(ValueError(error.what), where="path or query string") from error
    return made


def _decode(codec: Codec[Any], body: bytes) -> Any:
    try:
        return codec.decode_strictly(body or b"{}")
    except msgspec.ValidationError as error:
        raise invalid(error, where="body", accepted=codec.choices(error), near=codec.near_field(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise rejected("http.malformed-json", str(error), where="body") from error
    except RecursionError as error:
        raise rejected("http.malformed-json", "The body is nested too deeply", where="body") from error


def _no_parameters(query: dict[str, list[str]]) -> None:
    for name in query:
        raise _unknown(name, f"Unknown parameter {name}: this request takes its fields from the body")


def _unknown(name: str, detail: str) -> Rejected:
    return rejected("http.invalid-message", detail, where="query string", pointer=f"/{name}", next=f"Remove {name}")
