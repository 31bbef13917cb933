"""Signs of life are read as they were written, and keep their form: processes of several releases read them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

import pytest

from remit.log import Channel
from remit.runtime import Ports
from remit.runtime.upkeep.signs import SHARING_SECONDS, Peers, Sign, read_signs, write_signs
from remit.stores.memory.store import MemoryStore
from tests.runtime.talk import LoopClock, on_virtual_time

DAY = 86_400.0

BODY = (
    '[{"name":"mail.send","source":"desk","channel":1,"state":"paused","note":"\\"ü\\"","settled":true},'
    '{"name":"mail.Post","source":"mail","channel":0,"state":"running","note":"","settled":false}]'
)
SIGNS = [
    Sign("mail.send", "desk", Channel.PUBLISHED, "paused", '"ü"', settled=True),
    Sign("mail.Post", "mail", Channel.PRIVATE, "running"),
]


def test_signs_are_read_as_they_were_written() -> None:
    assert write_signs(SIGNS) == BODY
    assert read_signs(BODY) == SIGNS


def test_what_another_release_says_besides_is_passed_over() -> None:
    (sign,) = read_signs('[{"name":"a.b","source":"c","channel":1,"state":"running","load":0.7}]')
    assert (sign.state, sign.note, sign.settled) == ("running", "", False)


@pytest.mark.parametrize("body", ["", "{}", "[1]", '[{"name":"a.b"}]', "not JSON"])
def test_what_cannot_be_read_says_nothing(body: str) -> None:
    assert list(read_signs(body)) == []


class Distant(MemoryStore):
    """Another process has signed here, by a clock that is a day ahead."""

    at = 0.0

    async def beats(self) -> Mapping[str, tuple[float, str]]:
        return {"other": (self.at, BODY)}


@on_virtual_time
async def test_a_process_lives_as_long_as_its_signs_change_however_wrong_its_clock_is() -> None:
    store = Distant()
    peers = Peers(store, Ports(LoopClock()))

    async def states(seconds: float) -> Collection[str]:
        await asyncio.sleep(seconds)
        return await peers.states(SIGNS[0].id.label)

    store.at = LoopClock().seconds() + DAY
    assert not await states(0.0)  # it may have died long ago
    store.at += 2.0
    assert await states(2.0) == {"paused"}
    assert await states(SHARING_SECONDS - 1.0) == {"paused"}
    assert not await states(2.0)
