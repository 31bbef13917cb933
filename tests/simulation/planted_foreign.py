"""Bugs in how foreign messages are taken in, and in where the component `acl` runs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest

from remit.errors import RemitError
from remit.log import SubscriptionId
from remit.runtime.following import translating
from remit.runtime.following.follower import always
from remit.runtime.following.translating import Translating
from remit.runtime.upkeep.leases import Sharing
from remit.runtime.work import deliveries
from remit.runtime.work.deliveries import Arrivals, Told
from remit.stores import Entry, Unit
from tests.simulation.planted import Plant


def remember_no_keys(patch: pytest.MonkeyPatch) -> None:
    """The key of a message is forgotten: a repetition is a new message."""

    def nothing(*_: Any) -> None: ...

    patch.setattr(translating, "claim_of", nothing)


def know_keys_when_they_arrive(patch: pytest.MonkeyPatch) -> None:
    """A message that was stored twice before it was translated is translated twice."""

    async def unknown(*_: Any) -> bool:
        return False

    def nothing(*_: Any) -> None: ...

    claim_of = deliveries.claim_of

    async def at_the_door(self: Arrivals, body: bytes, header: str = "") -> bool:
        entry, key = self.entry(body, header)
        if await deliveries.is_known(self.store, self.translator.name, key, self._stamp()):
            return False
        await self.store.commit(Unit(entries=[entry]))
        await self.store.commit(Unit(claim=claim_of(self.translator.name, key, self._stamp())))
        return True

    patch.setattr(translating, "is_known", unknown)
    patch.setattr(translating, "claim_of", nothing)
    patch.setattr(Arrivals, "accept", at_the_door)


def claim_before_storing(patch: pytest.MonkeyPatch) -> None:
    """The key of a message is noted before the message is stored."""

    async def first_the_key(self: Arrivals, body: bytes, header: str = "") -> bool:
        entry, key = self.entry(body, header)
        if await deliveries.is_known(self.store, self.translator.name, f"door {key}", self._stamp()):
            return False
        claim = deliveries.claim_of(self.translator.name, f"door {key}", self._stamp())
        await self.store.commit(Unit(claim=claim))
        await self.store.commit(Unit(entries=[entry]))
        return True

    patch.setattr(Arrivals, "accept", first_the_key)


def answer_before_storing(patch: pytest.MonkeyPatch) -> None:
    """The sender is told that a message has arrived, and then it is stored."""
    accept, tasks = Arrivals.accept, set[Any]()

    async def store(self: Arrivals, body: bytes, header: str) -> None:
        with suppress(RemitError):  # whom should it tell
            await accept(self, body, header)

    async def early(self: Arrivals, body: bytes, header: str = "") -> bool:
        tasks.add(asyncio.create_task(store(self, body, header)))
        return True

    patch.setattr(Arrivals, "accept", early)


def store_the_place_first(patch: pytest.MonkeyPatch) -> None:
    """The place of a polled source is stored before what was fetched."""
    accept_all = Arrivals.accept_all

    async def apart(self: Arrivals, bodies: Sequence[bytes], unit: Unit) -> int:
        await self.store.commit(unit)
        return await accept_all(self, bodies, Unit())

    patch.setattr(Arrivals, "accept_all", apart)


def start_translations_everywhere(patch: pytest.MonkeyPatch) -> None:
    """Each process that runs the component `acl` translates, whoever has the lease."""
    of, alone, held = Sharing._of, Sharing._alone, Sharing.held

    def leased(self: Sharing, context: str) -> Any:
        return [each for each in of(self, context) if ".foreign:" not in each.id.name]

    def everywhere(self: Sharing) -> Any:
        return [*alone(self), *(each for name in self.leases for each in of(self, name) if ".foreign:" in each.id.name)]

    def always_held(self: Sharing, id: SubscriptionId) -> Any:
        return always if ".foreign:" in id.name else held(self, id)

    patch.setattr(Sharing, "_of", leased)
    patch.setattr(Sharing, "_alone", everywhere)
    patch.setattr(Sharing, "held", always_held)


def translate_in_any_order(patch: pytest.MonkeyPatch) -> None:
    """A message that was overtaken is translated, although its version says so."""

    async def never(*_: Any) -> str:
        return ""

    patch.setattr(Translating, "_late", never)


def ignore_in_silence(patch: pytest.MonkeyPatch) -> None:
    """Nothing tells of a message that was ignored."""

    async def nothing(*_: Any, **__: Any) -> None: ...

    patch.setattr(translating, "noted", nothing)


def order_by_message(patch: pytest.MonkeyPatch) -> None:
    """Messages about one thing are ordered by nothing: each is its own key."""
    entry = Arrivals.entry

    def spread(self: Arrivals, body: bytes, header: str = "") -> tuple[Entry, str]:
        made, key = entry(self, body, header)
        return made._replace(key=key), key

    patch.setattr(Arrivals, "entry", spread)


def take_the_same_time_for_older(patch: pytest.MonkeyPatch) -> None:
    """Of two messages of one time, the second is ignored."""
    late = Translating._late

    async def stricter(self: Translating, unit: Any, found: Any, told: Told) -> str:
        seen = None if told.entity is None else await unit.load(found.seen, told.entity)
        if seen is not None and seen.value.version == told.version:
            return "the same time"
        return await late(self, unit, found, told)

    patch.setattr(Translating, "_late", stricter)


OF_FOREIGN: Sequence[tuple[str, Plant, Sequence[int]]] = (
    ("keys of foreign messages are forgotten", remember_no_keys, (102,)),
    ("foreign messages are known at the door alone", know_keys_when_they_arrive, (102,)),
    ("the key of a foreign message is noted before it", claim_before_storing, (126,)),
    ("a webhook answers before it has stored", answer_before_storing, (256,)),
    ("the place of a polled source is stored first", store_the_place_first, (110,)),
    ("translations run twice", start_translations_everywhere, (117,)),
    ("overtaken messages are translated", translate_in_any_order, (148,)),
    ("overtaken messages are ignored in silence", ignore_in_silence, (117,)),
    ("foreign messages are ordered by nothing", order_by_message, (197, 220)),
    ("of two messages of one time the second is ignored", take_the_same_time_for_older, (197,)),
)
"""Their names, and the programs of generator seed 1 that have shown them."""
