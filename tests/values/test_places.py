"""A value of every type at every place, in every store and over every channel: there it is as it was, or nowhere."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from itertools import count

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from remit.errors import BadValue, HandlerFailed
from tests.values.kinds import EXAMPLES, NEVERTHELESS, same, strangers, values
from tests.values.places import FAMILIES, PLACES, SPOILT, Family, Fields, World, arrived

few = settings(max_examples=1 + EXAMPLES, phases=[Phase.generate], suppress_health_check=NEVERTHELESS)
AT_ONCE = 2
"""So many records are under way at the same time."""
ids = map(str, count())
whole = [st.fixed_dictionaries({name: values(type) for name, type in each.types.items()}) for each in FAMILIES]
spoilt = [
    st.fixed_dictionaries(
        {name: strangers(type).filter(lambda it: it is not None) for name, type in each.types.items()}
    )
    for each in FAMILIES
]
"""What is kept may be nothing, too."""
families = pytest.mark.parametrize("number", range(len(FAMILIES)), ids=[each.name for each in FAMILIES])


@pytest.fixture(autouse=True)
def _(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads hundreds of tracebacks."""
    monkeypatch.setattr(logging.getLogger("remit"), "disabled", True)


@families
@few
@given(data=st.data())
def test_what_is_accepted_is_read_as_it_was_at_every_place(world: World, number: int, data: st.DataObject) -> None:
    records = data.draw(st.lists(whole[number], min_size=AT_ONCE, max_size=AT_ONCE))

    async def everywhere() -> None:
        await asyncio.gather(*[_goes_round(world, FAMILIES[number], next(ids), fields) for fields in records])

    world.run(everywhere())


async def _goes_round(world: World, family: Family, id: str, fields: Fields) -> None:
    expected, caller = family.record(**fields), world.caller
    assert same(await caller.send(family.keep(id=id, refuse=False, **fields), key=id), expected)
    assert same(await caller.send(family.keep(id=id, refuse=False, **fields), key=id), expected), "as it was answered"
    with pytest.raises(family.refusal) as refused:
        await caller.send(family.keep(id=id, refuse=True, **fields))
    assert same(refused.value, family.refusal(**fields))
    assert same(await caller.ask(family.ask(**fields)), expected)
    for what in ("item", "copy", "document"):
        assert same(await arrived(partial(caller.ask, family.look(id=id, what=what))), expected), what
    assert same(await arrived(lambda: caller.ask(family.hear(id=id))), expected)


@families
@few
@given(data=st.data(), first=st.integers(0, len(PLACES) - 1))
def test_what_is_refused_is_refused_before_anything_is_written(
    world: World, number: int, data: st.DataObject, first: int
) -> None:
    family, good, bad = FAMILIES[number], data.draw(whole[number]), data.draw(spoilt[number])
    places = PLACES[first:] + PLACES[:first]

    async def nowhere() -> None:
        before = await world.standing()
        each = [({name: stranger}, places[number % len(places)]) for number, (name, stranger) in enumerate(bad.items())]
        await asyncio.gather(*[_is_refused(world, family, good, one, place) for one, place in each])
        await asyncio.gather(*[_is_not_called(world, family, good | one) for one, _ in each])
        assert await world.standing() == before

    try:
        world.run(nowhere())
    finally:
        SPOILT.clear()


async def _is_refused(world: World, family: Family, good: Fields, bad: Fields, place: str) -> None:
    """What a handler makes of good fields."""
    id = next(ids)
    SPOILT[id, place] = bad
    with pytest.raises(HandlerFailed, match=f"is not a valid {family.where(place)}"):
        pytest.fail(f"{place}: {await world.caller.send(family.keep(id=id, refuse=place == 'refusal', **good))!r}")
    assert await world.keeper.stores["one"].load(f"one.{family.item.__name__}", id) is None


async def _is_not_called(world: World, family: Family, fields: Fields) -> None:
    """With a key, or where a call is written."""
    caller, keep = world.caller, family.keep(id=next(ids), refuse=False, **fields)
    with pytest.raises(BadValue, match=f"is not a valid {family.keep.__name__}"):
        pytest.fail(f"{await caller.send(keep, key=keep.id)!r}")
    with pytest.raises(BadValue if world.looks_at_calls else HandlerFailed, match="is not a valid"):
        pytest.fail(f"{await caller.send(keep)!r}")
    if world.looks_at_calls:
        with pytest.raises(BadValue, match=f"is not a valid {family.ask.__name__}"):
            pytest.fail(f"{await caller.ask(family.ask(**fields))!r}")
