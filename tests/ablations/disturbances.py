"""What a process has to live with: each of these, for as long as it runs. It says on standard error what it does."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remit.errors import OutcomeUnknown
from remit.log import Channel
from remit.runtime.remote.feeds import RemoteFeed
from remit.runtime.upkeep.leases import Leases
from remit.stores import Unit
from remit.stores.sqlite.store import SqliteStore
from remit.transports import CallRequest, CallResponse, Push
from remit.transports.http.calls import HttpCalls
from remit.transports.nats.events import NatsEvents

__all__ = [
    "PAYMENT_SECONDS",
    "PREFIX",
    "answers_are_lost",
    "commits_are_slow",
    "dies_after_commits",
    "everybody_runs_everything",
    "first_records_fail",
    "news_are_late",
    "payments_are_slow",
    "pushes_are_lossy",
]

PREFIX = "disturbance:"
DEATHS = 2
"""How often a process dies, over all its starts."""
ALIVE = 6
"""Commits that move the checkpoint of a reaction, after which it dies."""
LOST, LATE, DOUBLED = 0.2, 0.4, 0.5
"""Of pushes: up to where a number between 0 and 1 means which."""
LATE_SECONDS = 1.5
ANSWERS_LOST = 0.2
SLOWEST_SECONDS = 0.1
POISONED, POISONED_SECONDS = 12, 1.5
"""How many messages fail, and for how long: more would be a storm."""
PAYMENT_SECONDS = 2.5
REACTIONS = ("learning.follow_enrollment", "certification.issue_certificate")
"""Those whose commits are disturbed."""


def say(what: str) -> None:
    print(f"{PREFIX} {what}", file=sys.stderr, flush=True)


def pushes_are_lossy(patch: pytest.MonkeyPatch) -> None:
    """What the broker brings is lost, comes after the next, or comes twice."""
    listen, chance = NatsEvents.listen, random.Random(1)

    async def lossy(
        self: NatsEvents, source: str, channel: Channel, bell: Callable[[Push | None], None]
    ) -> Callable[[], None]:
        late: list[Push] = []

        def ring(push: Push | None = None) -> None:
            drawn = chance.random()
            if push is None or drawn > DOUBLED:
                bell(push)
            elif drawn < LOST:
                say(f"lost {source} {push.record.part}/{push.record.pos}")
                return
            elif drawn < LATE:
                say(f"late {source} {push.record.part}/{push.record.pos}")
                late.append(push)
                return
            else:
                say(f"doubled {source} {push.record.part}/{push.record.pos}")
                bell(push)
                bell(push)
            while late:
                bell(late.pop())

        return await listen(self, source, channel, ring)

    patch.setattr(NatsEvents, "listen", lossy)


def news_are_late(patch: pytest.MonkeyPatch) -> None:
    """Whoever asks another process for what is new hears of it late. What is read there is not slower."""
    watch = RemoteFeed.watch

    def late(self: RemoteFeed, bell: Callable[[Push | None], None]) -> Callable[[], None]:
        def ring(push: Push | None = None) -> None:
            say(f"news of {self.source} are late")
            asyncio.get_running_loop().call_later(LATE_SECONDS, bell, push)

        return watch(self, ring)

    patch.setattr(RemoteFeed, "watch", late)


def answers_are_lost(patch: pytest.MonkeyPatch) -> None:
    """A command arrives and is applied, and the caller does not hear of it."""
    call, chance = HttpCalls.call, random.Random(1)

    async def unheard(self: HttpCalls, address: str, request: CallRequest, seconds: float) -> CallResponse:
        answer = await call(self, address, request, seconds)
        if request.kind == "command" and chance.random() < ANSWERS_LOST:
            say(f"the answer of {address} was lost")
            raise OutcomeUnknown("the answer was lost", where=address)
        return answer

    patch.setattr(HttpCalls, "call", unheard)


def everybody_runs_everything(patch: pytest.MonkeyPatch) -> None:
    """No process minds who holds a lease: each believes that it is the one."""

    async def renew(self: Leases) -> None:
        for name in self._all.keys() - self._running:
            self._running.add(name)
            say(f"runs {name} as well")
            await self._all[name].start()

    def is_held(self: Leases, name: str) -> bool:
        return True

    patch.setattr(Leases, "renew", renew)
    patch.setattr(Leases, "look", renew)
    patch.setattr(Leases, "_is_held", is_held)


def dies_after_commits(patch: pytest.MonkeyPatch) -> None:
    """The process is killed as soon as it has committed the checkpoint of a reaction, before anything else."""
    commit, moved = SqliteStore.commit, 0

    async def fatal(self: SqliteStore, unit: Unit) -> None:
        nonlocal moved
        await commit(self, unit)
        moved += unit.advance is not None and unit.advance.subscription.name in REACTIONS
        if moved == ALIVE:
            _die()

    patch.setattr(SqliteStore, "commit", fatal)


def _die() -> None:
    died = Path(os.environ["ABLATION_FOLDER"], "deaths")
    deaths = len(died.read_text()) if died.exists() else 0
    if deaths < DEATHS:
        say("dies after a commit")
        died.write_text("x" * (deaths + 1))
        os.kill(os.getpid(), signal.SIGKILL)


def commits_are_slow(patch: pytest.MonkeyPatch) -> None:
    """The commits of a reaction take as long as they like."""
    commit, chance = SqliteStore.commit, random.Random(1)

    async def slow(self: SqliteStore, unit: Unit) -> None:
        if unit.advance is not None and unit.advance.subscription.name in REACTIONS:
            seconds = chance.uniform(0.0, SLOWEST_SECONDS)
            say(f"{unit.advance.subscription.name} {unit.advance.part}/{unit.advance.after} takes {seconds:.2f} s")
            await asyncio.sleep(seconds)
        await commit(self, unit)

    patch.setattr(SqliteStore, "commit", slow)


def first_records_fail(patch: pytest.MonkeyPatch) -> None:
    """For a while, some who begin with domain-modelling cannot be given a record: a bug that is mended soon."""
    from learning.learning.domain import CourseRecord

    opening, end, poisoned = CourseRecord.open, 0.0, set[Any]()

    def fails(enrollment: Any, student: Any, course: Any, at: Any) -> Any:
        nonlocal end
        if str(course) == "domain-modelling" and (len(poisoned) < POISONED or enrollment in poisoned):
            poisoned.add(enrollment)
            end = end or time.monotonic() + POISONED_SECONDS
            if time.monotonic() < end:
                say(f"{enrollment} fails")
                raise ArithmeticError(f"there is no record for {enrollment} yet")
        return opening(enrollment, student, course, at)

    patch.setattr(CourseRecord, "open", staticmethod(fails))


def payments_are_slow(patch: pytest.MonkeyPatch) -> None:
    """The payment provider takes its time, for every student."""
    from learning.billing.payments import PretendedCards

    authorise = PretendedCards.authorise

    async def slow(self: PretendedCards, *payment: Any, **named: Any) -> None:
        say("a payment is slow")
        await asyncio.sleep(PAYMENT_SECONDS)
        await authorise(self, *payment, **named)

    patch.setattr(PretendedCards, "authorise", slow)
