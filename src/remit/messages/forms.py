"""The wire form of types with unions of records.

msgspec tells records apart only by a tag of their class, which is then always written. So a type with a union gets a
wire type: copies of its records under other classes, which have a tag only as members of a union. Each value is
converted, record by record, before it is written and after it is read. A type without unions is its own wire type.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from inspect import isclass
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
from msgspec import UNSET, UnsetType, inspect
from typing_extensions import is_typeddict

from remit.messages.once import once
from remit.messages.unions import (
    TAG,
    UNIONS,
    Field,
    class_of,
    fields_of,
    has_unions,
    is_named,
    is_named_tuple,
    is_record,
    is_tagged,
    members_of,
    plain,
    require_different,
    wire_name,
)

Turn = Callable[[Any], Any]
_LISTS: tuple[Any, ...] = (list, tuple, set, frozenset)


class Form:
    """A type in its wire form, and the functions that convert values. They are None if no conversion is needed."""

    __slots__ = ("read", "type", "write")

    def __init__(self, type: Any, write: Turn | None = None, read: Turn | None = None) -> None:
        self.type, self.write, self.read = type, write, read


def form_of(type: Any) -> Form:
    """The wire form of a type. Raises `TypeError` for a union whose members cannot be told apart."""
    form: Form = _form_of_class(type) if isclass(type) else _Forms().of(type)
    return form


def _find_form(cls: Any) -> Form:
    return _Forms().of(cls)


_form_of_class: Any = lru_cache(maxsize=256)(_find_form)
"""Caches classes only. Unions that are equal may differ in their first member, which has a meaning."""


def wire_types(types: Sequence[Any]) -> list[Any]:
    """The wire types of several types. A record that occurs in several of them has the same wire class in all."""
    forms = _Forms()
    return [forms.of(each).type for each in types]


@once
def describe(type: Any) -> inspect.Type:
    """The description of a type in its wire form."""
    return described(form_of(type).type)


@once
def described(wire: Any) -> inspect.Type:
    """The description of a wire type."""
    shape = inspect.type_info(wire)
    _turn_defaults(shape, set())
    return shape


def _turn_defaults(found: Any, seen: set[int]) -> None:
    """Converts the defaults in a description. A wire class has the unconverted defaults of its record, because it may
    occur inside the converted ones."""
    if isinstance(found, tuple):
        for each in found:  # pyright: ignore[reportUnknownVariableType]  # members of a description: types and fields
            _turn_defaults(each, seen)
    elif isinstance(found, inspect.Type | inspect.Field) and id(found) not in seen:
        seen.add(id(found))
        if isinstance(found, inspect.StructType | inspect.NamedTupleType):
            writes: Mapping[str, Turn] = getattr(found.cls, "__remit_writes__", {})
            for field in found.fields:
                if field.name in writes and field.default is not msgspec.NODEFAULT:
                    field.default = writes[field.name](field.default)
        for name in found.__struct_fields__:
            _turn_defaults(getattr(found, name), seen)


def record_of(shape: Any) -> Any:
    """The record class of a description, even if the description is of its wire class."""
    return class_of(getattr(shape.cls, "__remit_record__", shape.cls))


class _Forms:
    """Forms that belong together. A record has one form with its tag and one without."""

    def __init__(self) -> None:
        self._records: dict[tuple[Any, bool], Form] = {}

    def of(self, type: Any) -> Form:
        if not has_unions(type):
            return Form(type)
        type = plain(type)
        if get_origin(type) is Annotated:
            inner = self.of(get_args(type)[0])
            return Form(Annotated[(inner.type, *type.__metadata__)], inner.write, inner.read)
        if get_origin(type) in UNIONS:
            return self._union(members_of(type))
        return self._record(type, tagged=False) if is_record(type) else self._collection(type)

    def _union(self, members: Sequence[Any]) -> Form:
        if tagged := is_tagged(members):
            require_different(members)
        forms = [self._record(each, tagged=True) if tagged and is_named(each) else self.of(each) for each in members]
        writes, reads = dict[Any, Turn](), dict[Any, Turn]()
        for member, form in zip(members, forms, strict=True):
            if form.write is not None and form.read is not None:
                writes.update(dict.fromkeys(_classes(member), form.write))
                reads.update(dict.fromkeys(_classes(form.type), form.read))
        return Form(Union[tuple(form.type for form in forms)], _by_class(writes), _by_class(reads))  # noqa: UP007  # of so many

    def _collection(self, type: Any) -> Form:
        origin, arguments = get_origin(type), get_args(type)
        forms = [Form(each) if each is ... else self.of(each) for each in arguments]
        wire = origin[tuple(form.type for form in forms)]
        if issubclass(origin, Mapping):
            if forms[0].write is not None:
                raise TypeError("a mapping has keys that are or contain structs; the keys of a JSON object are texts")
            return Form(wire, _turn_values(forms[1].write), _turn_values(forms[1].read))
        if origin is tuple and ... not in arguments:
            return Form(wire, _turn_places([form.write for form in forms]), _turn_places([form.read for form in forms]))
        write, read = forms[0].write, forms[0].read
        return Form(wire, write and _turn_each(write, list), read and _turn_each(read))

    def _record(self, record: Any, *, tagged: bool) -> Form:
        form = self._records.get((record, tagged))
        if form is None:
            fields = list(fields_of(record))
            form = self._records[record, tagged] = Form(_wire_class(record, fields, tagged=tagged))
            form.write, form.read = _later(form, "write"), _later(form, "read")  # for a record that contains itself
            self._fill(form, record, fields)
        return form

    def _fill(self, form: Form, record: Any, fields: Sequence[Field]) -> None:
        """Sets the fields of a wire class and the functions that convert its values."""
        cls, wire = class_of(record), form.type
        inner = {each.name: self.of(each.type) for each in fields}
        wire.__annotations__ = {
            each.name: Union[inner[each.name].type, UnsetType] if each.default is UNSET else inner[each.name].type  # noqa: UP007  # of what is no class
            for each in fields
        }
        wire.__remit_writes__ = {name: each.write for name, each in inner.items() if each.write is not None}
        names = [each.name for each in fields]
        if is_typeddict(cls):
            form.write, form.read = _turn_typed_dict(wire, inner)
        else:
            form.write = _turn_record(cls, wire, {name: inner[name].write for name in names})
            form.read = _turn_record(wire, cls, {name: inner[name].read for name in names})


def _later(form: Form, name: str) -> Turn:
    return lambda value: getattr(form, name)(value)


def _wire_class(record: Any, fields: Sequence[Field], *, tagged: bool) -> Any:
    """A class for the wire form of a record. The types of its fields are set later."""
    cls = class_of(record)
    space = {"__doc__": cls.__doc__, "__remit_record__": cls, "__remit_name__": wire_name(cls)}
    name = cls.__name__ if record is cls else f"{cls.__name__}[{', '.join(map(_short, get_args(record)))}]"
    module = f"{cls.__module__}.{'tagged' if tagged else 'written'}"
    if is_named_tuple(cls):
        return _wire_tuple(name, fields, {**space, "__module__": module})
    options: dict[str, Any] = {}
    if (config := getattr(cls, "__struct_config__", None)) is not None:
        options = {
            "forbid_unknown_fields": config.forbid_unknown_fields, "array_like": config.array_like,
            "omit_defaults": config.omit_defaults, "tag": config.tag, "tag_field": config.tag_field,
        }  # fmt: skip
    if tagged:
        options |= {"tag": wire_name(cls), "tag_field": TAG}
    field: Any = msgspec.field  # its overloads accept only one of the two defaults
    declared = [
        (each.name, Any, field(default=each.default, default_factory=each.default_factory, name=each.encode_name))
        for each in fields
    ]
    return msgspec.defstruct(name, declared, namespace=space, module=module, kw_only=True, frozen=True, **options)


def _wire_tuple(name: str, fields: Sequence[Field], space: Mapping[str, Any]) -> Any:
    """A named tuple. msgspec takes it in a union with a struct, as it does not take a struct written as a list."""
    names = [each.name for each in fields]
    defaults = [each.default for each in fields if each.default is not msgspec.NODEFAULT]
    base = namedtuple("Wire", names, defaults=defaults)  # type: ignore[misc]  # noqa: PYI024  # known only here
    return type(name, (base,), {"__slots__": (), **space})


def _short(type: Any) -> str:
    return getattr(type, "__name__", str(type))


# ── conversion of values ────────────────────────────────────────────────────────────────────────────────────────────
# A value of an unexpected class is passed on unchanged: the check that reads the value again reports it.


def _turn_record(cls: Any, other: Any, inner: Mapping[str, Turn | None]) -> Turn:
    known: dict[str, Any] = {"cls": cls, "other": other}
    given: list[str] = []
    for number, (name, turn) in enumerate(inner.items()):
        known[f"turn_{number}"] = turn
        given.append(f"{name}=value.{name}" if turn is None else f"{name}=turn_{number}(value.{name})")
    made: Turn = eval(f"lambda value: other({', '.join(given)}) if value.__class__ is cls else value", known)  # noqa: S307  # made of names of fields: a loop over them would take several times as long
    return made


def _turn_typed_dict(wire: Any, inner: Mapping[str, Form]) -> tuple[Turn, Turn]:
    writes = {name: form.write or _same for name, form in inner.items()}
    reads = {name: form.read or _same for name, form in inner.items()}

    def write(value: Any) -> Any:
        if not _is(value, dict) or not value.keys() <= writes.keys():
            return value
        return wire(**{name: turn(value[name]) for name, turn in writes.items() if name in value})

    def read(value: Any) -> Any:
        if value.__class__ is not wire:
            return value
        return {name: turn(given) for name, turn in reads.items() if (given := getattr(value, name)) is not UNSET}

    return write, read


def _is(value: Any, *kinds: type) -> bool:
    return isinstance(value, kinds)  # in a function: a checker would narrow the value to parts of unknown type


def _same(value: Any) -> Any:
    return value


def _turn_each(turn: Turn, kind: Any = None) -> Turn:
    """For the elements of a list, a tuple or a set. The result is of type `kind`, or of the type of the value."""

    def turned(value: Any) -> Any:
        return (kind or value.__class__)(map(turn, value)) if _is(value, *_LISTS) else value

    return turned


def _turn_places(turns: Sequence[Turn | None]) -> Turn:
    each = [turn or _same for turn in turns]

    def turned(value: Any) -> Any:
        if not _is(value, list, tuple) or len(value) != len(each):
            return value
        return tuple(turn(part) for turn, part in zip(each, value, strict=True))

    return turned


def _turn_values(turn: Turn | None) -> Turn | None:
    if turn is None:
        return None

    def turned(value: Any) -> Any:
        return {key: turn(part) for key, part in value.items()} if _is(value, dict) else value

    return turned


def _by_class(turns: Mapping[Any, Turn]) -> Turn | None:
    if not turns:
        return None
    find = turns.get

    def turned(value: Any) -> Any:
        turn = find(value.__class__)
        return value if turn is None else turn(value)

    return turned


def _classes(member: Any) -> tuple[Any, ...]:
    """The classes of the values of a union member."""
    bare = plain(member)
    while get_origin(bare) is Annotated:
        bare = plain(get_args(bare)[0])
    cls = class_of(bare)
    if is_typeddict(cls) or issubclass(cls, Mapping):
        return (dict,)
    return (cls,) if is_record(bare) else _LISTS
