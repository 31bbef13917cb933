"""What a type accepts comes out as it went in, in every encoding; what it refuses is refused by everything that writes.

Only here are there many examples: nothing is stored or sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from random import Random
from types import new_class
from typing import Any, Union

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect

from remit import Aggregate, Command, DomainEvent, IntegrationEvent, Projection, Query, Refusal, Value
from remit.errors import BadValue
from remit.messages import Codec, Encoding, decode_reply, not_carried, write_reply
from remit.messages.carried import not_a_key
from remit.messages.fields import parts_of
from remit.messages.forms import describe
from remit.runtime.remote.wire import AnswerCodecs, ChannelCodec
from tests.docs.pages import ROOT
from tests.values.kinds import (
    ACCEPTED,
    EXAMPLES,
    KEYS,
    NEVERTHELESS,
    ROWS,
    TYPES,
    of,
    reordered,
    same,
    strangers,
    values,
)

Way = Callable[[Any], Any]
ENCODINGS: tuple[Encoding, ...] = ("json", "msgpack")
OTHER_ROWS = [
    "identity of an aggregate or a record, key of a document",
    "ordering key of an event or command",
    "`identity=` of a command",
    "idempotency key",
    "everything that one unit of work writes",
]
few = settings(max_examples=3 * EXAMPLES, suppress_health_check=NEVERTHELESS)
many = settings(max_examples=60 * EXAMPLES, suppress_health_check=NEVERTHELESS)


class Wrapped:
    """A type, and records of every kind with a field of it, each with what makes one of a value."""

    def __init__(self, type: Any) -> None:
        self.type = type
        aggregate: Any = Aggregate[str]
        bases: list[Any] = [Command[type], Query[type], DomainEvent, IntegrationEvent, Value, Refusal]
        self.makes: list[tuple[Any, Callable[[Any], Any]]] = [(type, _itself)]
        for number, base in enumerate(bases):
            cls = made(f"Has{number}", base, v=type)
            self.makes.append((cls, partial(_holding, cls)))
        item = made("Item", aggregate, id=str, v=type)
        document = made("Document", Projection[str, DomainEvent], v=type)
        self.makes += [(item, partial(_holding, partial(item, id="x"))), (document, partial(_holding, document))]


def _itself(value: Any) -> Any:
    return value


def _holding(cls: Any, value: Any) -> Any:
    return cls(v=value)


def made(name: str, base: Any, **fields: Any) -> Any:
    body = {"__annotations__": fields, "__module__": __name__}
    return new_class(name, (base,), {}, lambda space: space.update(body))


IDS = [f"{number} {each}".replace("typing.", "")[:60] for number, each in enumerate(TYPES)]


def ways(type: Any) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """Everything that writes and reads a value of a type: stored, kept as an outcome, sent, and answered."""
    codec = Codec[Any](type)
    yield "stored", lambda value: codec.read(codec.write(value))
    yield "restored", lambda value: codec.restore(codec.write(value))[0]
    yield "outcome", lambda value: _outcome(write_reply(value, codec), codec, value)
    for encoding in ENCODINGS:
        part, answers = ChannelCodec(type, encoding), AnswerCodecs(type, encoding)
        yield f"sent as {encoding}", partial(_sent, part)
        yield f"answered as {encoding}", partial(_answered, answers)


def _outcome(body: bytes, codec: Codec[Any], value: Any) -> Any:
    return decode_reply(body, codec, (type(value),) if isinstance(value, Refusal) else ())


def _sent(part: ChannelCodec, value: Any) -> Any:
    encoding, body = part.write(value)
    return part.codec(encoding).read(body)


def _answered(answers: AnswerCodecs, value: Any) -> Any:
    encoding, body = answers.write(value)
    return _outcome(body, answers.reply.codec(encoding), value)


@cache
def ways_within(
    number: int,
) -> Sequence[tuple[Sequence[tuple[str, Callable[[Any], Any]]], Codec[Any], Callable[[Any], Any]]]:
    """The same for a type of the list and for records with a field of it, with a codec and what makes one of a value.
    Made when the type is tested: every process that collects tests imports this file."""
    return [(list(ways(each)), Codec[Any](each), make) for each, make in Wrapped(TYPES[number]).makes]


@pytest.mark.parametrize("number", range(len(TYPES)), ids=IDS)
@few
@given(data=st.data())
def test_what_is_accepted_comes_out_as_it_was(number: int, data: st.DataObject) -> None:
    value = data.draw(values(TYPES[number]))
    for each, codec, make in ways_within(number):
        whole = make(value)
        for name, way in each:
            assert same(way(whole), whole), name
        assert codec.canonical(whole) == codec.canonical(codec.read(codec.write(whole)))
        assert not codec.is_light(whole) or codec.is_plain(whole)


@pytest.mark.parametrize("number", range(len(TYPES)), ids=IDS)
@few
@given(data=st.data())
def test_what_is_refused_is_refused_by_everything_that_writes(number: int, data: st.DataObject) -> None:
    stranger = data.draw(strangers(TYPES[number]))
    for each, codec, make in ways_within(number):
        whole = make(stranger)
        for name, way in [*each, ("canonical", codec.canonical)]:
            with pytest.raises(BadValue, match="is not a valid"):
                pytest.fail(f"{name}: {stranger!r} became {way(whole)!r}")
        assert not codec.is_light(whole)


@many
@given(type=st.sampled_from(TYPES), data=st.data())
def test_what_belongs_elsewhere_is_accepted_everywhere_or_nowhere(type: Any, data: st.DataObject) -> None:
    """What is accepted of it is equal to what was written, or says the same."""
    other = data.draw(st.sampled_from(TYPES))
    value, outcomes = data.draw(values(other)), dict[str, str]()
    for name, way in ways(type):
        try:
            found = way(value)
            outcomes[name] = ascii(found.tobytes() if hasattr(found, "tobytes") else found)
        except BadValue as error:
            outcomes[name] = error.code
    assert len(set(outcomes.values())) == 1, outcomes


nested = st.recursive(
    st.sampled_from(TYPES),
    lambda inner: st.one_of(
        inner.map(lambda it: of(list, it)),
        inner.map(lambda it: of(tuple, it, ...)),
        inner.map(lambda it: of(dict, str, it)),
        st.tuples(st.sampled_from(KEYS), inner).map(lambda two: of(dict, *two)),
        st.tuples(inner, inner).map(lambda two: of(tuple, *two)),
        inner.map(lambda it: it | None if it is not Any else it),
        inner.map(lambda it: made("Outer", Value, one=it, more=it)),
        st.tuples(inner, inner).map(lambda two: made("One", Value, v=two[0]) | made("Other", Value, v=two[1])),
        # With `Any` beside it, nothing tells what a value was: such a union takes what `Any` alone takes.
        st.tuples(inner, inner).filter(lambda two: Any not in two).map(lambda two: Union[two]),  # noqa: UP007  # of values here
    ),
    max_leaves=4,
).filter(lambda it: not_carried(it) is None)


@many
@given(type=nested, data=st.data())
def test_so_do_types_in_types(type: Any, data: st.DataObject) -> None:
    value, stranger = data.draw(values(type)), data.draw(strangers(type))
    for name, way in ways(type):
        assert same(way(value), value), name
        with pytest.raises(BadValue):
            pytest.fail(f"{name}: {stranger!r} became {way(stranger)!r}")


@many
@given(type=st.sampled_from(TYPES), data=st.data(), chance=st.randoms(use_true_random=False))
def test_a_content_is_the_same_for_what_says_the_same(type: Any, data: st.DataObject, chance: Random) -> None:
    """Whatever order sets and mappings have, and whether a field that has its default was given or not."""
    default = data.draw(values(type))
    other, with_default = reordered(default, chance), asking(type, default)
    for cls in filter(None, (asking(type), with_default)):
        codec, one, two = Codec[Any](cls), cls(v=default), cls(v=other)
        assert (codec.canonical(one) == codec.canonical(two)) is same(one, two)
        for name, way in ways(cls):
            assert same(way(two), two), name
        if cls is with_default:
            assert codec.canonical(cls()) == codec.canonical(one)
            assert same(codec.read(codec.write(cls())), one)


def asking(type: Any, *default: Any) -> Any:
    """A command with one field. None where the default is what changes, which is no default."""
    fields = {"__annotations__": {"v": type}, **({"v": default[0]} if default else {})}
    try:
        return new_class("Asks", (Command[None],), {}, lambda it: it.update(fields))
    except TypeError:
        return None


def test_the_page_has_each_kind_and_no_other() -> None:
    first = (ROOT / "docs/values.md").read_text().split("| kind |")[1].split("\n\n")[0]
    table = re.findall(r"^\| (?!-)(.+?) \|", first, re.MULTILINE)
    assert table == [*ROWS, *OTHER_ROWS]


def test_every_kind_of_type_that_is_taken_has_values() -> None:
    """What a later release of msgspec describes otherwise is found here."""
    kinds = {each for each in vars(inspect).values() if isinstance(each, type) and issubclass(each, inspect.Type)}
    not_taken = {inspect.Type, inspect.CollectionType, inspect.CustomType, inspect.ExtType, inspect.RawType}
    not_taken |= {each for each in kinds if each.__name__ == "FrozenDictType"}  # of Python 3.15
    assert set(ACCEPTED) == kinds - not_taken
    assert {type(part) for each in TYPES for _, part in parts_of(describe(each))} == kinds - not_taken
    assert not_carried(complex)


def test_every_kind_of_key_that_is_taken_has_values() -> None:
    in_mappings = {
        type(part.key_type)
        for each in TYPES
        for _, part in parts_of(describe(each))
        if isinstance(part, inspect.DictType)
    }
    names = {type(describe(each)) for each in KEYS}
    for each in [*TYPES, *KEYS]:
        kind = type(describe(each))
        if not_carried(of(dict, each, int)) is None:
            assert kind in in_mappings, each
        if not_a_key(made("Named", DomainEvent, key=each), "key") is None:
            assert kind in names, each
    for each in KEYS:
        assert not_a_key(made("Named", DomainEvent, key=each), "key") is None, each
