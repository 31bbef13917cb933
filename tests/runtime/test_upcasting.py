"""A chain of upcasters applies each step once, in order, whatever the versions are."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit import Aggregate, Context, Upcast
from remit.errors import NotUpcast
from remit.messages import Codec, VersionedCodec, version_of
from remit.runtime.upcasting import Upcasters, state_codec

NEWEST = 6


def step_to(made: Callable[[int], Any]) -> Callable[[dict[str, Any]], Any]:
    """An upcaster that notes its run, and returns as many events as `made` says."""

    def upcast(fields: dict[str, Any]) -> Any:
        after = {"steps": [*fields["steps"], fields["steps"][-1] + 1]}
        return made(after)  # type: ignore[arg-type]  # a chain of any form

    return upcast


@given(begin=st.integers(1, NEWEST), counts=st.lists(st.integers(0, 2), min_size=NEWEST - 1, max_size=NEWEST - 1))
def test_a_chain_makes_as_many_events_as_its_steps_say(begin: int, counts: list[int]) -> None:
    context = Context("mill")
    for version, count in enumerate(counts, 1):
        context.upcast("Turned", version=version)(step_to(lambda after, count=count: [after] * count))  # type: ignore[misc]  # bound now
    found = Upcasters(context.upcasters, "mill").newest("mill.Turned", begin, json.dumps({"steps": [begin]}).encode())
    expected = 1
    for count in counts[begin - 1 :]:
        expected *= count
    assert len(found) == expected
    assert all((each.type, each.version) == ("mill.Turned", NEWEST) for each in found)
    assert all(json.loads(each.payload) == {"steps": [*range(begin, NEWEST + 1)]} for each in found)


def test_a_circle_that_no_check_saw_ends() -> None:
    context = Context("mill")
    context.upcast("Turned", version=1)(lambda fields: Upcast("Spun", fields))
    context.upcast("Spun", version=1)(lambda fields: Upcast("Turned", fields))
    with pytest.raises(NotUpcast, match="not done after"):
        Upcasters(context.upcasters, "mill").newest("mill.Turned", 1, b"{}")


class Plain(Aggregate[str]):
    count: int = 0


class Third(Aggregate[str], version=3):
    total: int = 0


def test_a_class_of_version_1_has_the_plain_codec() -> None:
    assert type(state_codec(Plain, [])) is Codec


@pytest.mark.parametrize(
    ("body", "total"),
    [
        (b'{"id":"a","count":1}', 12),
        (b'{"remit.version":2,"id":"a","amount":1}', 2),
        (b'{"remit.version":3,"id":"a","total":1}', 1),
    ],
)
def test_each_version_of_a_state_is_read_and_the_newest_written(body: bytes, total: int) -> None:
    context = Context("mill")
    context.upcast(Third, version=1)(lambda fields: {"id": fields["id"], "amount": fields["count"] + 5})
    context.upcast(Third, version=2)(lambda fields: {"id": fields["id"], "total": fields["amount"] * 2})
    codec = state_codec(Third, context.upcasters)
    assert isinstance(codec, VersionedCodec)
    value, rest = codec.restore(body)
    assert (value.total, rest) == (total, None)
    assert codec.write(value) == b'{"remit.version":3,"id":"a","total":%d}' % total
    assert version_of(codec.write(value)) == 3


def test_fields_of_another_release_of_the_same_version_are_kept() -> None:
    codec = state_codec(Third, [])
    value, rest = codec.restore(b'{"remit.version":3,"id":"a","total":1,"colour":"red"}')
    assert rest is not None
    value.total = 2
    assert json.loads(rest.completed(codec.write(value))) == {
        "remit.version": 3, "id": "a", "total": 2, "colour": "red",
    }  # fmt: skip


@pytest.mark.parametrize(("of", "known"), [(Plain, 1), (Third, 3)])
def test_a_newer_state_is_refused(of: Any, known: int) -> None:
    with pytest.raises(msgspec.ValidationError, match=f"version 4, and this release knows versions up to {known}"):
        state_codec(of, []).restore(b'{"remit.version":4,"id":"a"}')


def test_a_state_that_an_upcaster_makes_unwritable_is_refused() -> None:
    context = Context("mill")
    context.upcast(Third, version=1)(lambda fields: fields)
    context.upcast(Third, version=2)(lambda fields: {"id": fields["id"], "total": object()})
    with pytest.raises(NotUpcast, match="made what JSON does not have"):
        state_codec(Third, context.upcasters).decode(b'{"id":"a","count":1}')
