"""Applies commands: once for each key, and again after a version conflict."""

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
"""The place of a conflict in a handler's SQL statements. No kind of state begins with a blank."""
_AT_FIRST: tuple[Place | None, Taken | None] = None, None
"""Before a handler's first run: no turn, and no places known to be taken."""


Binding = tuple[Workplace, HandlerPlan]
"""A handler in this process, with its workplace."""


class Applying:
    """Applies commands in this process."""

    def __init__(self, shared: Shared, random: Random) -> None:
        self._outcomes, self._turns = shared.outcomes, shared.turns
        self._seconds, self._stamp = shared.seconds, shared.stamp
        self._random = random
        self._under_way: dict[str, list[asyncio.Future[None]]] = {}
        """Commands with keys that are being applied, each with the futures of equal commands that wait for it. Equal
        commands run one after another. Side by side, each could make different calls before either has an outcome, and
        the effects of both would stay."""

    def anew(
        self, limit: Limit, binding: Binding, command: Any, claim: None, outer: Attempt | None, trace: str
    ) -> Awaitable[Any]:
        """Applies a command without a key: a repetition cannot be recognised."""
        attempt = Attempt(trace, trace, trace, self._seconds(), binding[0].plan.name, limit.when)
        return self._apply(limit, binding, command, None, attempt)

    async def once(
        self, limit: Limit, binding: Binding, command: Any, claim: CommandKey, outer: Attempt | None, trace: str
    ) -> Any:
        """Applies a command with a key, unless it has been applied; then returns its outcome."""
        origin, under_way = claim.origin, self._under_way
        while (before := under_way.get(origin)) is not None and (outer is None or not outer.comes_from(origin)):
            over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            before.append(over)
            await over
        if before is None:  # otherwise the command calls itself
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

    async def _apply(  # noqa: C901  # one coroutine: a second one would cost every command 2 %
        self, limit: Limit, binding: Binding, command: Any, claim: CommandKey | None, attempt: Attempt
    ) -> Any:
        """Applies a command: load, decide, commit. Runs the handler again after a conflict."""
        workplace, handler = binding
        turn, taken = _AT_FIRST
        try:
            while True:
                unit, rows, reply = UnitOfWork(workplace, attempt, taken=taken), _NO_ROWS, None
                if claim is not None and claim.foreseen is not None:
                    self._outcomes.foresee(unit, claim)
                try:
                    reply = await unit.run(handler, command)
                    rows = unit.unit()
                    if claim is not None:
                        rows.claim = claim.row(write_reply(reply, handler.reply, handler.refusals), self._stamp())
                    elif not handler.reply.is_light(reply):
                        write_reply(reply, handler.reply, handler.refusals)
                    if self._turns.taken and unit.transaction is None:  # else other handlers may wait for its locks
                        await self._turns.stand_aside(rows.changes, attempt, turn)
                    if limit.asked:
                        limit.refuse_late()
                    await unit.commit(rows)
                except asyncio.CancelledError as error:
                    if not was_written(error, rows) or not limit.owns_cancellation():
                        raise  # otherwise it came too late: the rows are written
                except Refusal as refusal:
                    limit.refuse_late()
                    await unit.aclose()
                    return await self._refused(workplace.store, handler, claim, refusal)
                except Conflict as conflict:
                    await unit.aclose()  # releases database locks that the holder of the turn may need
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
                    raise _kept(reply, claim)
                return reply
        finally:
            if turn is not None:
                self._turns.give_up(turn)

    async def _applied_meanwhile(
        self, store: Store, handler: HandlerPlan, claim: CommandKey | None, error: Exception
    ) -> tuple[Any] | None:
        """The outcome of this very command, if it was applied concurrently: that may be why this run failed."""
        if claim is None or isinstance(error, (OutcomeUnknown, StoreError, StoreUnavailable)):
            return None
        try:
            return await self._outcomes.known(store, handler, claim)
        except RemitError:
            return None  # the caller gets the error of the run itself

    async def _refused(self, store: Store, handler: HandlerPlan, claim: CommandKey | None, refusal: Refusal) -> Any:
        """Handles a raised refusal. If it is declared and the caller is outside, it is stored as the outcome, so that a
        repeated call gets it again. Raises it, unless the command was applied concurrently."""
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
        """After a conflict: waits for the turn at the aggregate; after a conflict in SQL statements, for the turn at
        all tables of the context; otherwise for up to 2 ms."""
        changes = [Change(_STATEMENTS, attempt.context, 0, b"")] if conflict.what == "sql" else rows.changes
        if not changes:
            await asyncio.sleep(self._random.random() * 0.002)
        return await self._turns.take_first(changes, attempt, mine)


def _kept(refusal: Refusal, claim: CommandKey | None) -> Refusal:
    """A refusal that was returned and is stored as the outcome under the key, if there is one."""
    if claim is not None:
        claim.kept = True
    return refusal
