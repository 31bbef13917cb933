"""How a command is applied: once under a key, and again after somebody else wrote first."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from random import Random
from typing import Any

from remit.errors import Conflict, OutcomeUnknown, RemitError, StoreError, StoreUnavailable
from remit.messages import Refusal, write_reply
from remit.runtime.plan import HandlerPlan
from remit.runtime.work.attempts import Attempt
from remit.runtime.work.deadlines import Limit
from remit.runtime.work.outcomes import CommandKey
from remit.runtime.work.shared import Shared
from remit.runtime.work.turns import Place, Taken
from remit.runtime.work.unit import UnitOfWork
from remit.runtime.work.workplace import Workplace
from remit.stores import Change, Store, Unit, was_written

_NO_ROWS = Unit()
_STATEMENTS = " statements"
"""In the place of a kind: nobody's aggregate is called so."""
_AT_FIRST: tuple[Place | None, Taken | None] = None, None
"""Before the first run of a handler: its turn, and what others are known to have added."""


Binding = tuple[Workplace, HandlerPlan]
"""A handler in this process."""


class Applying:
    """Applies commands of this process."""

    def __init__(self, shared: Shared, random: Random) -> None:
        self._outcomes, self._turns = shared.outcomes, shared.turns
        self._seconds, self._stamp = shared.seconds, shared.stamp
        self._random = random
        self._under_way: dict[str, list[asyncio.Future[None]]] = {}
        """The commands under keys that are being applied, and who waits for one of them to be over. Equal ones are
        applied one after another: what two of them call side by side would be called twice where they decide
        differently, and be there before either of them has an outcome."""

    def anew(
        self, limit: Limit, binding: Binding, command: Any, claim: None, outer: Attempt | None, trace: str
    ) -> Awaitable[Any]:
        """Applies a command that has no key: nobody will know it again."""
        attempt = Attempt(trace, trace, trace, self._seconds(), binding[0].plan.name, limit.when)
        return self._apply(limit, binding, command, None, attempt)

    async def once(
        self, limit: Limit, binding: Binding, command: Any, claim: CommandKey, outer: Attempt | None, trace: str
    ) -> Any:
        """Applies a command under a key, unless it was applied."""
        origin, under_way = claim.origin, self._under_way
        while (before := under_way.get(origin)) is not None and (outer is None or not outer.comes_from(origin)):
            over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            before.append(over)
            await over
        if before is None:  # else it calls itself
            under_way[origin] = []
        try:
            workplace, handler = binding
            known, begun = await self._outcomes.begin(workplace.store, handler, claim, command, self._seconds())
            if known is not None:
                return known[0]
            context = workplace.plan.name
            attempt = Attempt(origin, claim.cause, claim.trace, begun, context, limit.when, outer, timed=False)
            return await self._apply(limit, binding, command, claim, attempt)
        finally:
            if before is None:
                for over in under_way.pop(origin):
                    if not over.done():
                        over.set_result(None)

    async def _apply(  # noqa: C901  # in one coroutine: each further one would cost every command 2 %
        self, limit: Limit, binding: Binding, command: Any, claim: CommandKey | None, attempt: Attempt
    ) -> Any:
        """Applies a command: load, decide, commit; rerun when somebody else wrote first."""
        workplace, handler = binding
        turn, taken = _AT_FIRST
        try:
            while True:
                unit = UnitOfWork(workplace, attempt, taken)
                rows, reply = _NO_ROWS, None
                if claim is not None and claim.foreseen is not None:
                    self._outcomes.foresee(unit, claim)
                try:
                    reply = await unit.run(handler, command)
                    rows = unit.unit()
                    if claim is not None:
                        rows.claim = claim.row(write_reply(reply, handler.reply, handler.refusals), self._stamp())
                    elif not handler.reply.is_light(reply):
                        write_reply(reply, handler.reply, handler.refusals)
                    if self._turns.taken and unit.transaction is None:  # else others may wait for what it has locked
                        await self._turns.stand_aside(rows.changes, attempt, turn)
                    limit.refuse_late()
                    await unit.commit(rows)
                except asyncio.CancelledError as error:
                    if not was_written(error, rows) or not limit.owns_cancellation():
                        raise  # else it came too late to be withdrawn
                except Refusal as refusal:
                    limit.refuse_late()
                    await unit.aclose()
                    return await self._refused(workplace.store, handler, claim, refusal)
                except Conflict as conflict:
                    await unit.aclose()  # what its statements have locked, others may need whose turn it is
                    if known := await self._outcomes.known(workplace.store, handler, claim):
                        return known[0]
                    taken = await unit.taken_meanwhile()
                    turn, mine = None, turn
                    turn = await self._turn(conflict, rows, attempt, mine)
                    continue
                except Exception as error:
                    if known := await self._applied_meanwhile(workplace.store, handler, claim, error):
                        return known[0]
                    raise
                finally:
                    if unit.transaction is not None:
                        await unit.aclose()
                if handler.refusals and isinstance(reply, Refusal):
                    raise reply
                return reply
        finally:
            if turn is not None:
                self._turns.give_up(turn)

    async def _applied_meanwhile(
        self, store: Store, handler: HandlerPlan, claim: CommandKey | None, error: Exception
    ) -> tuple[Any] | None:
        """What this very command was answered with, if somebody has applied it meanwhile: of that it may fail."""
        if claim is None or isinstance(error, (OutcomeUnknown, StoreError, StoreUnavailable)):
            return None
        try:
            return await self._outcomes.known(store, handler, claim)
        except RemitError:
            return None  # what it has failed of is the news

    async def _refused(self, store: Store, handler: HandlerPlan, claim: CommandKey | None, refusal: Refusal) -> Any:
        """A declared refusal that was raised is an outcome: it is kept for a caller from outside, and a repeated call
        gets the same one. Raises it, unless the command was applied meanwhile."""
        if refusal.__class__ not in handler.refusals:
            raise refusal
        outcome = write_reply(refusal, handler.reply)
        if claim is None:
            raise refusal
        if claim.keeps_refusals:
            with contextlib.suppress(Conflict):
                await store.commit(Unit(claim=claim.row(outcome, self._stamp())))
                raise refusal
        if known := await self._outcomes.known(store, handler, claim):
            return known[0]
        raise refusal

    async def _turn(self, conflict: Conflict, rows: Unit, attempt: Attempt, mine: Place | None) -> Place | None:
        """After a conflict: waits for the turn at the aggregate, or at all tables of the context for one that its
        statements have met; or for a moment."""
        changes = [Change(_STATEMENTS, attempt.context, 0, b"")] if conflict.what == "sql" else rows.changes
        if not changes:
            await asyncio.sleep(self._random.random() * 0.002)
        return await self._turns.take_first(changes, attempt, mine)
