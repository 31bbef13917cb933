"""What goes by an identity or a key of any type is found by it again, in every store and over every channel."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from itertools import count
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from remit.errors import BadKey, BadValue
from remit.messages import LONGEST_KEY, fits
from tests.values.kinds import EXAMPLES, KEYS, NEVERTHELESS, texts, values
from tests.values.places import NAMED, Named, Tell, World, arrived

few = settings(max_examples=2 * EXAMPLES, phases=[Phase.generate], suppress_health_check=NEVERTHELESS)
numbers = count()
longest = st.sampled_from("a\u00e9\u20ac\U0001f600").map(lambda each: each * (LONGEST_KEY // len(each.encode())))
good_texts = (texts | longest).filter(lambda text: bool(text) and fits(text))
bad_texts = longest.map(lambda text: text + "abc") | texts.map(lambda text: text + "\0") | st.just("\ud800")


def found_by(type: Any) -> st.SearchStrategy[Any]:
    """Values of a type that may be identities and keys. What equals nothing is found by its text."""
    fitting = values(type).filter(lambda value: fits(str(value)))
    return longest | fitting if type is str else fitting


every = st.tuples(*[st.lists(found_by(type), min_size=1, max_size=2, unique_by=str) for type in KEYS])


@few
@given(every)
def test_what_goes_by_a_key_is_found_by_it(world: World, drawn: tuple[list[Any], ...]) -> None:
    async def everything() -> None:
        await asyncio.gather(
            *[_is_found(world, named, key) for named, keys in zip(NAMED, drawn, strict=True) for key in keys]
        )

    world.run(everything())


async def _is_found(world: World, named: Named, key: Any) -> None:
    """What is read again has the same key: it is changed, and told of, under the same one."""
    caller, touch = world.caller, named.touch(who=key)
    before, _ = await caller.ask(named.count(who=key), fresh=str(key) or True)
    first = await caller.send(touch)
    assert first == (before or 0) + 1
    assert await caller.send(touch) == first + 1
    assert await caller.ask(named.count(who=key), fresh=str(key) or True) == [first + 1, first + 1]
    until = asyncio.get_running_loop().time() + 20
    while await arrived(lambda: caller.ask(named.hear(who=key))) != first + 1:
        assert asyncio.get_running_loop().time() < until
        await asyncio.sleep(0.005)


@few
@given(good=good_texts, bad=bad_texts)
def test_a_text_is_a_key_at_every_place_or_changes_nothing(world: World, good: str, bad: str) -> None:
    caller, touch = world.caller, NAMED[0].touch

    async def story() -> None:
        told = await caller.send(Tell(key=good), key=(again := f"{next(numbers)} {good}"[:120]))
        assert await caller.send(Tell(key=good), key=again) == told
        assert await caller.send(Tell(key=good)) == told + 1
        before = await world.standing()
        ways: list[Awaitable[Any]] = [
            caller.send(touch(who=bad)), caller.send(Tell(key=bad)), caller.send(Tell(key="k"), key=bad),
            caller.ask(NAMED[0].count(who=bad)), caller.ask(NAMED[0].count(who="k"), fresh=bad),
        ]  # fmt: skip
        for way in ways:
            with pytest.raises((BadKey, BadValue) if bad == "\ud800" else BadKey):
                pytest.fail(f"{await way!r}")
        assert await world.standing() == before

    world.run(story())
