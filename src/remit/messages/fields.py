"""Fields that one release knows and another does not. A reader sets them aside; a writer leaves out defaults. All
functions work on decoded JSON, together with the description of its type."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, get_origin

import msgspec
from msgspec import inspect

from remit.messages.forms import described, record_of
from remit.messages.unions import TAG, wire_name

Shape: TypeAlias = inspect.Type
Step: TypeAlias = "str | int | bytes"


def parts_of(shape: Shape) -> Iterator[tuple[str, Shape]]:
    """A description and all descriptions inside it, each with the path of fields that leads to it."""
    return _walk(shape, "", set())


def _walk(found: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Shape]]:
    if isinstance(found, tuple):
        for each in found:  # pyright: ignore[reportUnknownVariableType]  # members of a description: types and fields
            yield from _walk(each, path, seen)
    elif isinstance(found, inspect.Field):
        yield from _walk(found.type, f"{path}.{found.name}" if path else found.name, seen)
    elif isinstance(found, inspect.Type) and id(found) not in seen:
        seen.add(id(found))
        yield path, found
        for name in found.__struct_fields__:
            yield from _walk(getattr(found, name), path, seen)


def written_defaults(wire: Any) -> dict[Any, dict[str, Any]]:
    """The records in a wire type that have fields whose defaults contain tags; for each, these defaults as written."""
    found: dict[Any, dict[str, Any]] = {}
    for _, shape in parts_of(described(wire)):
        if isinstance(shape, inspect.StructType):
            turned: Mapping[str, Any] = getattr(shape.cls, "__remit_writes__", {})
            for each in shape.fields:
                if each.name in turned and each.default is not msgspec.NODEFAULT:
                    found.setdefault(shape.cls, {})[each.encode_name] = each.default
    return found


@dataclass
class Unknown:
    """The unknown fields of a value that was read, to be put back when the value is written again."""

    fields: dict[str, Any]
    inside: dict[Step, Unknown] = field(default_factory=dict["Step", "Unknown"])
    """The unknown fields of the parts, by field name, mapping key, list index, or content of a set element (bytes)."""
    merged: bool = False
    """True if elements of a set differed only in unknown fields, and so became one element."""
    tag: tuple[str, Any] | None = None
    """The field of the tag and its value. Nothing is put back into another member of the union."""

    def named(self, path: str = "$") -> str | None:
        """The first unknown field with its place, in the words of msgspec. None if there are only redundant tags."""
        for name in self.fields:
            if name != TAG:
                return f"`{name}`" + (f" - at `{path}`" if path != "$" else "")
        for at, inner in self.inside.items():
            step = f".{at}" if isinstance(at, str) else "[...]" if isinstance(at, bytes) else f"[{at}]"
            if found := inner.named(path + step):
                return found
        return None

    def put_back(self, before: Any, after: Any) -> None:
        """Puts the unknown fields into `after`, the changed form of `before`, which is the value that was read.

        An element of a list is recognised by its content. A changed element that has moved counts as new and gets
        nothing.
        """
        old, new = _mapping(before), _mapping(after)
        if self.tag is not None and new.get(self.tag[0]) != self.tag[1]:
            return
        new.update({name: value for name, value in self.fields.items() if name not in new})
        for step, unknown in self.inside.items():
            if step in old and step in new:
                unknown.put_back(old[step], new[step])
        if any(isinstance(step, bytes) for step in self.inside):
            for element in _list(after):
                if (found_in := self.inside.get(_said(element))) is not None:
                    found_in.put_back(msgspec.json.decode(msgspec.json.encode(element)), element)
        places = [place for place in self.inside if isinstance(place, int)]
        if places:
            elements, became = _list(before), _list(after)
            found = _places(elements, became)
            for place in places:
                if place in found:
                    self.inside[place].put_back(elements[place], became[found[place]])


def _places(before: list[Any], after: list[Any]) -> dict[int, int]:
    """The new index of each old element of a list that is still there. No two share one index.

    The algorithm is Heckel's (A technique for isolating differences between files, 1978): elements that occur once are
    matched first; equal elements are then matched by their neighbours, starting from a match or an end of the list.
    Takes linear time.
    """
    old, new = [_said(each) for each in before], [_said(each) for each in after]
    found, left = {-1: -1, len(old): len(new)}, set(range(len(new)))

    def pair(place: int, where: int) -> None:
        if place not in found and where in left and old[place] == new[where]:
            found[place] = where
            left.remove(where)

    once = _once(new)
    for said, place in _once(old).items():
        pair(place, once.get(said, -1))
    for places, beside in ((range(len(old)), -1), (range(len(old) - 1, -1, -1), 1)):
        for place in places:
            if place + beside in found:
                pair(place, found[place + beside] - beside)
    if all(place == where for place, where in found.items()):  # nothing has moved: the others were changed in place
        for place in range(len(old)):
            pair(place, place)
    others = _last_first(new, left)
    for place in sorted({*range(len(old))} - found.keys()):
        pair(place, (others[old[place]] or [-1]).pop())
    del found[-1], found[len(old)]
    return found


def _last_first(said: list[bytes], places: set[int]) -> defaultdict[bytes, list[int]]:
    """The given indexes by the content of their elements, last index first."""
    found: defaultdict[bytes, list[int]] = defaultdict(list)
    for place in sorted(places, reverse=True):
        found[said[place]].append(place)
    return found


def _once(said: list[bytes]) -> dict[bytes, int]:
    """The indexes of the elements that occur once in a list."""
    counts = Counter(said)
    return {each: place for place, each in enumerate(said) if counts[each] == 1}


def take_unknown(shape: Shape, data: Any) -> Unknown | None:
    """Removes every field from `data` that the type does not have. Returns the removed fields, or None."""
    shape = _member(shape, data)
    known, said = _fields(shape), _mapping(data)
    unknown = Unknown({} if known is None else {name: said.pop(name) for name in list(said) if name not in known})
    _require_own(shape, unknown.fields)
    if (tag_field := getattr(shape, "tag_field", None)) is not None:
        unknown.tag = (tag_field, said.get(tag_field, getattr(shape, "tag", None)))
    for step, inner, value in _inside(shape, data):
        found = take_unknown(inner, value)
        if found is None:
            continue
        at = _said(_completed(inner, value)) if isinstance(shape, _SETS) else step  # elements of a set have no index
        unknown.merged = unknown.merged or found.merged or at in unknown.inside
        unknown.inside.setdefault(at, found)
    return unknown if unknown.fields or unknown.inside else None


def _require_own(shape: Shape, unknown: Mapping[str, Any]) -> None:
    """Raises `msgspec.ValidationError` if a tag names another record: a release with a union here wrote it."""
    if TAG in unknown and (cls := record_of(shape)) is not None and unknown[TAG] != wire_name(cls):
        raise msgspec.ValidationError(f"Expected `{wire_name(cls)}`, got `{unknown[TAG]}`, which is new in this place")


def supply_tags(shape: Shape, data: Any) -> bool:
    """Adds the tag of the first member to every record in a union that has none: such a record was written before the
    type became a union. Returns whether it added a tag."""
    first, said = _first_tagged(shape), _mapping(data)
    is_without = first is not None and isinstance(data, dict) and TAG not in said
    if first is not None and is_without:
        said[TAG] = first.tag
    member = _member(shape, data)
    parts = [*_inside(member, data), *_positions(member, data)]
    supplied = [supply_tags(inner, value) for _, inner, value in parts]
    return is_without or any(supplied)


def leave_out_first_tags(shape: Shape, data: Any) -> None:
    """Removes the tags of first members, which are optional."""
    first, member = _first_tagged(shape), _member(shape, data)
    for _, inner, value in (*_inside(member, data), *_positions(member, data)):
        leave_out_first_tags(inner, value)
    if first is not None and _mapping(data).get(TAG) == first.tag:
        del data[TAG]


def _first_tagged(shape: Shape) -> inspect.StructType | None:
    """The first member of a union whose members are tagged only inside this union."""
    while isinstance(shape, inspect.Metadata):
        shape = shape.type
    members = shape.types if isinstance(shape, inspect.UnionType) else ()
    return next((each for each in members if isinstance(each, inspect.StructType) and each.tag_field == TAG), None)


def _completed(shape: Shape, data: Any) -> Any:
    """A record with the fields that were left out because they have their default."""
    cls = getattr(_member(shape, data), "cls", None)
    return data if cls is None else msgspec.json.decode(msgspec.json.encode(msgspec.convert(data, cls)))


def is_lenient(shape: Shape) -> bool:
    """Whether the type contains records that are read without an error for unknown fields."""
    return any(
        isinstance(found, inspect.DataclassType | inspect.TypedDictType)
        or (isinstance(found, inspect.StructType) and not found.forbid_unknown_fields)
        for _, found in parts_of(shape)
    )


class Brevity:
    """Leaves out fields with their default value, for one class of messages."""

    __slots__ = ("_deep", "_defaults", "_fields", "_shape")

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        known = shape.fields if isinstance(shape, inspect.StructType) else ()
        defaults = {each.name: _default(each)() for each in known if _is_constant(each)}
        self._fields = [(each.name, each.encode_name, defaults.get(each.name, msgspec.UNSET)) for each in known]
        self._defaults = {each.name: _Default(each) for each in known if each.name in defaults}
        self._deep = any(has_defaults(each.type) for each in known)

    def shorten(self, message: Any, native: tuple[type, ...], *, text_keys: bool) -> dict[str, Any]:
        """The fields that differ from their default. `native` are the types with a native form in the encoding."""
        said: dict[str, Any] = {}
        for name, encode_name, default in self._fields:
            value = getattr(message, name)
            if value is not default and (value != default or not self._defaults[name].is_said_by(value)):
                said[encode_name] = value
        if self._deep:
            said = msgspec.to_builtins(said, builtin_types=native, str_keys=text_keys)
            _leave_out_defaults(self._shape, said)
        return said


def _leave_out_defaults(shape: Shape, data: Any) -> None:
    """Removes every field from `data` that has its default value."""
    shape = _member(shape, data)
    said = _mapping(data)
    if isinstance(shape, inspect.StructType):
        for name, default in _defaults_of(shape).items():
            if name in said and default.is_said_by(said[name]):
                del said[name]
    for _, inner, value in _inside(shape, data):
        _leave_out_defaults(inner, value)


def has_defaults(shape: Shape) -> bool:
    """Whether leaving defaults out can make values of this type shorter."""
    return any(
        isinstance(found, inspect.StructType) and any(map(_is_constant, found.fields)) for _, found in parts_of(shape)
    )


def has_other_keys(shape: Shape) -> bool:
    """Whether the type contains mappings with keys that are not text. Only texts can be sorted."""
    return any(
        isinstance(found, inspect.DictType) and not isinstance(found.key_type, inspect.StrType)
        for _, found in parts_of(shape)
    )


def is_unordered(shape: Shape) -> bool:
    """Whether equal values of this type may be written in different orders, because it contains sets."""
    return any(isinstance(found, _SETS) for _, found in parts_of(shape))


def in_order(shape: Shape, data: Any) -> Any:
    """The same data with the elements of every set sorted by content."""
    shape = _member(shape, data)
    for step, inner, value in (*_inside(shape, data), *_positions(shape, data)):
        data[step] = in_order(inner, value)
    return sorted(_list(data), key=_said) if isinstance(data, list) and isinstance(shape, _SETS) else data  # pyright: ignore[reportUnknownVariableType]  # of anything


def _positions(shape: Shape, data: Any) -> Iterator[tuple[int, Shape, Any]]:
    """The parts of a record that is written as a list."""
    if isinstance(shape, inspect.NamedTupleType) or (isinstance(shape, inspect.StructType) and shape.array_like):
        first = 1 if isinstance(shape, inspect.StructType) and shape.tag is not None else 0
        for place, of in enumerate(shape.fields, first):
            if place < len(_list(data)) and isinstance(data[place], dict | list):
                yield place, of.type, data[place]


def _said(element: Any) -> bytes:
    try:
        return msgspec.msgpack.encode(element, order="deterministic")
    except OverflowError:  # of a number beyond 64 bits
        return msgspec.json.encode(element, order="deterministic")


_SETS = (inspect.SetType, inspect.FrozenSetType)


class _Default:
    """The default of a field as JSON; if the type has parts without a meaningful order, also in sorted form."""

    __slots__ = ("_content", "_shape", "_written")

    def __init__(self, of: inspect.Field) -> None:
        value = _default(of)()
        self._shape = of.type
        self._written = msgspec.json.encode(value)
        self._content = _content(of.type, value) if _may_be_disordered(of.type) else None

    def is_said_by(self, value: Any) -> bool:
        """Whether a value, or its decoded form, has the same content as the default."""
        written = msgspec.json.encode(value)
        if written == self._written:
            return True
        known = self._content
        return known is not None and len(written) == len(self._written) and _content(self._shape, value) == known


def _may_be_disordered(shape: Shape) -> bool:
    kinds = (*_SETS, inspect.DictType, inspect.TypedDictType, inspect.AnyType)
    return any(isinstance(found, kinds) for _, found in parts_of(shape))


def _content(shape: Shape, value: Any) -> bytes:
    """The content of a value as JSON, with sets and keys sorted."""
    data = in_order(shape, msgspec.json.decode(msgspec.json.encode(value)))
    return msgspec.json.encode(data, order="sorted")


def _defaults_of(shape: inspect.StructType) -> Mapping[str, _Default]:
    """The defaults of the fields of a record."""
    if id(shape) not in _defaults:
        _defaults[id(shape)] = shape, {each.encode_name: _Default(each) for each in shape.fields if _is_constant(each)}
    return _defaults[id(shape)][1]


# By id, which stays unique because the description is kept beside it.
_defaults: dict[int, tuple[Shape, Mapping[str, _Default]]] = {}
_known: dict[int, tuple[Shape, dict[str, Shape] | None]] = {}


_EMPTY = (list, dict, set, frozenset, tuple, bytearray)


def _is_constant(of: inspect.Field) -> bool:
    """Whether a field has a constant default. A factory may return another value each time."""
    factory = of.default_factory
    return of.default is not msgspec.NODEFAULT or (get_origin(factory) or factory) in _EMPTY


def _default(of: inspect.Field) -> Callable[[], Any]:
    return (lambda: of.default) if of.default is not msgspec.NODEFAULT else of.default_factory


def _fields(shape: Shape) -> dict[str, Shape] | None:
    """The fields of a record; None if the type is not a record."""
    if id(shape) not in _known:
        _known[id(shape)] = shape, _read_fields(shape)
    return _known[id(shape)][1]


def _read_fields(shape: Shape) -> dict[str, Shape] | None:
    if isinstance(shape, inspect.StructType | inspect.DataclassType | inspect.TypedDictType):
        known = {each.encode_name: each.type for each in shape.fields}
        tag = getattr(shape, "tag_field", None)
        return known if tag is None else {**known, tag: inspect.StrType()}
    return None


def _inside(shape: Shape, data: Any) -> Iterator[tuple[Step, Shape, Any]]:
    """The records, mappings and lists inside a value, each with its place and its description."""
    known = _fields(shape) or {}
    for name, value in _mapping(data).items():
        if not isinstance(value, dict | list):
            continue
        if name in known:
            yield name, known[name], value
        elif isinstance(shape, inspect.DictType):
            yield name, shape.value_type, value
    for place, value in enumerate(_list(data)):
        if not isinstance(value, dict | list):
            continue
        if isinstance(shape, inspect.TupleType) and place < len(shape.item_types):
            yield place, shape.item_types[place], value
        elif isinstance(shape, inspect.CollectionType):
            yield place, shape.item_type, value


def _member(shape: Shape, data: Any) -> Shape:
    """The member of a union that a value belongs to. Either only one member fits, or tags tell them apart."""
    if isinstance(shape, inspect.Metadata):
        return _member(shape.type, data)
    if not isinstance(shape, inspect.UnionType):
        return shape
    for member in shape.types:
        tag_field = getattr(member, "tag_field", None)
        if isinstance(data, list) and (isinstance(member, _LISTS) or getattr(member, "array_like", False)):
            return member
        is_named = isinstance(member, _RECORDS) and not getattr(member, "array_like", False)
        is_its = tag_field is None or _mapping(data).get(tag_field) == getattr(member, "tag", None)
        if isinstance(data, dict) and is_named and is_its:
            return member
    return shape


_LISTS = (inspect.CollectionType, inspect.TupleType, inspect.NamedTupleType)
_RECORDS = (inspect.StructType, inspect.DataclassType, inspect.TypedDictType, inspect.DictType)


def _mapping(data: Any) -> dict[Any, Any]:
    return data if isinstance(data, dict) else {}  # pyright: ignore[reportUnknownVariableType]  # of any keys and values


def _list(data: Any) -> list[Any]:
    return data if isinstance(data, list) else []  # pyright: ignore[reportUnknownVariableType]  # of anything
