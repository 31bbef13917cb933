"""Bugs for generated programs to find: those that are planted for the shop, and defects that were mended one by one.

Each must show in what a program of a few handlers leaves behind, whatever the program is.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import Any, NamedTuple

import pytest

from remit.errors import HandlerFailed, RemitError, Unavailable
from remit.log import Channel
from remit.messages import Refusal
from remit.runtime.following import follower, handling, parking
from remit.runtime.following.dispatch import Dispatcher
from remit.runtime.remote import calls as remote
from remit.runtime.remote.calls import RemoteCalls
from remit.runtime.work import outcomes
from remit.runtime.work.called import Called
from remit.runtime.work.deadlines import Deadlines, Limit
from remit.runtime.work.tracked import Tracked
from remit.runtime.work.unit import UnitOfWork
from remit.stores import Settle, Unit
from remit.stores.replay import Replayed
from remit.stores.sqlite import writer
from remit.stores.sqlite.store import SqliteStore
from remit.stores.sqlite.writer import Writer
from tests.simulation import (
    planted,
    planted_ages,
    planted_answers,
    planted_foreign,
    planted_kit,
    planted_rebuilds,
    planted_releases,
    planted_scarce,
    planted_seldom,
    planted_sourced,
)
from tests.simulation.planted import Plant, in_two_transactions

NEVER = float("inf")


class PlantedInPrograms(NamedTuple):
    """A bug, how it gets into the code, and the programs of generator seed 1 that have shown it: tried first."""

    name: str
    plant: Plant
    seen: Sequence[int] = ()


# ── keys of calls ───────────────────────────────────────────────────────────────────────────────────────────────────


def derive_keys_from_types(patch: pytest.MonkeyPatch) -> None:
    """A call is known by its type, whatever it says."""
    key_of = Called.key_of

    def by_type(self: Called, type: str, content: bytes, identity: bytes | None) -> str:
        return key_of(self, type, b"", identity)

    patch.setattr(Called, "key_of", by_type)


def derive_keys_from_numbers(patch: pytest.MonkeyPatch) -> None:
    """The n-th call of a run is known by its number."""

    def by_number(self: Called, type: str, content: bytes, identity: bytes | None) -> str:
        return f"{self.origin}/{len(self._made) + 1}".replace("\0", " ")

    patch.setattr(Called, "key_of", by_number)


def derive_keys_by_chance(patch: pytest.MonkeyPatch) -> None:
    """A call has another key each time."""
    turn = count()

    def drawn(self: Called, type: str, content: bytes, identity: bytes | None) -> str:
        return f"drawn {next(turn)}"

    patch.setattr(Called, "key_of", drawn)


def count_no_equal_calls(patch: pytest.MonkeyPatch) -> None:
    """What a handler wishes twice, side by side or not, is done once."""

    def same(key: str, count: int) -> str:
        return key

    key_of = Called.key_of

    def first(self: Called, type: str, content: bytes, identity: bytes | None) -> str:
        self._made, before = {}, self._made
        try:
            return key_of(self, type, content, identity)
        finally:
            self._made = before

    patch.setattr("remit.runtime.work.called._numbered", same)
    patch.setattr(Called, "key_of", first)


def forget_identities(patch: pytest.MonkeyPatch) -> None:
    """A command with an identity is known by all that it says."""
    key_of = Called.key_of

    def by_content(self: Called, type: str, content: bytes, identity: bytes | None) -> str:
        return key_of(self, type, content, None)

    patch.setattr(Called, "key_of", by_content)


def scope_without_type(patch: pytest.MonkeyPatch) -> None:
    """A key means one thing for all types of commands."""
    made = outcomes.CommandKey.__init__

    def init(self: Any, caller: str, key: str, trace: str, type: str) -> None:
        made(self, caller, key, trace, type)
        self.scope = caller

    def sign(self: Any, handler: Any, command: Any) -> None: ...

    patch.setattr(outcomes.CommandKey, "__init__", init)
    patch.setattr(outcomes.CommandKey, "sign", sign)


def scope_without_caller(patch: pytest.MonkeyPatch) -> None:
    """A key means one thing for all callers."""
    made = outcomes.CommandKey.__init__

    def init(self: Any, caller: str, key: str, trace: str, type: str) -> None:
        made(self, caller, key, trace, type)
        self.scope = type

    def sign(self: Any, handler: Any, command: Any) -> None: ...

    patch.setattr(outcomes.CommandKey, "__init__", init)
    patch.setattr(outcomes.CommandKey, "sign", sign)


def call_elsewhere_without_a_key(patch: pytest.MonkeyPatch) -> None:
    """Each call of another process has a new key, whatever it repeats."""
    call, turn = RemoteCalls.call, count()

    async def anew(self: RemoteCalls, message: Any, seconds: float, latest: float, /, *, claim: Any) -> Any:
        made = outcomes.CommandKey(claim.caller, f"{claim.key}.{next(turn)}", claim.trace, "")
        return await call(self, message, seconds, latest, claim=made)

    patch.setattr(RemoteCalls, "call", anew)


# ── units of work ───────────────────────────────────────────────────────────────────────────────────────────────────


def commit_what_failed(kind: type[Exception]) -> Plant:
    """What a handler has decided before it raised something is written."""
    run = UnitOfWork.run

    async def written(self: UnitOfWork, handler: Any, message: Any) -> Any:
        try:
            return await run(self, handler, message)
        except kind:
            for tracked in self._touched:
                self._take_up(handler, tracked)
            await self.workplace.store.commit(self.unit())
            raise

    return lambda patch: patch.setattr(UnitOfWork, "run", written)


def keep_what_was_refused_later(patch: pytest.MonkeyPatch) -> None:
    """A command sent for later that is refused leaves behind what it had decided."""

    async def nothing(self: UnitOfWork) -> None: ...

    refused = UnitOfWork.run

    async def take_up(self: UnitOfWork, handler: Any, message: Any) -> Any:
        try:
            return await refused(self, handler, message)
        except Refusal:
            for tracked in self._touched:
                for event, place in self._take_up(handler, tracked):
                    self.record(event, tracked.id, place)
            raise

    patch.setattr(UnitOfWork, "forget", nothing)
    patch.setattr(UnitOfWork, "run", take_up)


def keep_events_of_the_run_before(patch: pytest.MonkeyPatch) -> None:
    """A handler that runs again after a conflict writes what it recorded in both runs."""
    run = UnitOfWork.run
    before: defaultdict[str, list[Any]] = defaultdict(list)

    async def both(self: UnitOfWork, handler: Any, message: Any) -> Any:
        reply = await run(self, handler, message)
        if self.attempt.run > 1:
            self.entries[:0] = before[self.attempt.origin]
        before[self.attempt.origin] = [entry._replace(id=entry.id + "x") for entry in self.entries]
        return reply

    patch.setattr(UnitOfWork, "run", both)


def send_later_in_the_first_run_alone(patch: pytest.MonkeyPatch) -> None:
    later = UnitOfWork.later

    def once(self: UnitOfWork, command: Any) -> None:
        if self.attempt.run == 1:
            later(self, command)

    patch.setattr(UnitOfWork, "later", once)


def publish_one_event_of_a_message(patch: pytest.MonkeyPatch) -> None:
    """Of the events that one message has led to, the first is published."""
    enter = UnitOfWork.enter

    def first(self: UnitOfWork, channel: Channel, plan: Any, message: Any, key: str, more: str = "") -> str:
        if (
            channel is Channel.PUBLISHED
            and not more
            and any(entry.type == plan.contract.type for entry in self.entries)
        ):
            return key
        return enter(self, channel, plan, message, key, more)

    patch.setattr(UnitOfWork, "enter", first)


def load_for_each_branch(patch: pytest.MonkeyPatch) -> None:
    """Two branches of a gather that load one aggregate at the same time get an object each."""
    load = SqliteStore.load

    async def anew(self: UnitOfWork, plan: Any, id: str) -> Any:
        place = (plan.kind, id)
        found = self._tracked.get(place)
        if found is None:
            await asyncio.sleep(0)
            row = await load(self.workplace.store, plan.kind, id)  # type: ignore[arg-type]  # the store is SQLite's
            if row is None:
                return None
            found = self._tracked[place] = Tracked.load(plan, id, *row)
            self._loaded.append(place)
        if plan.is_aggregate:
            self._touched[found] = None
        return found

    patch.setattr(UnitOfWork, "load", anew)


def look_once_in_a_batch(patch: pytest.MonkeyPatch) -> None:
    """What one message of a batch has looked at, the next ones are given."""

    def next_message(self: UnitOfWork, attempt: Any, key: str) -> None:
        self.attempt, self.key, self._written = attempt, key, None

    patch.setattr(UnitOfWork, "next_message", next_message)


def share_units_among_all(patch: pytest.MonkeyPatch) -> None:
    """Handlers that call share a transaction with others."""

    def never(self: Dispatcher, record: Any) -> bool:
        return False

    patch.setattr(Dispatcher, "is_alone", never)


def come_together_in_the_first_run(patch: pytest.MonkeyPatch) -> None:
    """Reactions with `together` are left out when the handler runs again."""
    record = UnitOfWork.record

    def once(self: UnitOfWork, event: Any, key: str, place: str = "") -> Any:
        together = record(self, event, key, place)
        return together if self.attempt.run == 1 else ()

    patch.setattr(UnitOfWork, "record", once)


def advance_without_the_effect(patch: pytest.MonkeyPatch) -> None:
    """A checkpoint that moves over several messages is written, the state of the last is not."""
    write = Writer._write

    def without(self: Writer, unit: Unit) -> None:
        if unit.advance is not None and unit.advance.after - unit.advance.before > 1:
            unit = replace(unit, changes=unit.changes[:-1])
        write(self, unit)

    patch.setattr(Writer, "_write", without)


def run_statements_apart(patch: pytest.MonkeyPatch) -> None:
    """What a handler's own statements have written is committed in a transaction before the unit's."""
    commit = UnitOfWork.commit

    async def apart(self: UnitOfWork, rows: Unit) -> None:
        transaction, self.transaction = self.transaction, None
        if transaction is not None:
            await transaction.commit(Unit())
        await commit(self, rows)

    patch.setattr(UnitOfWork, "commit", apart)


def keep_rows_of_failed_runs(patch: pytest.MonkeyPatch) -> None:
    """What a run's statements have written is written, whatever has become of the run."""
    abandon = Replayed.abandon

    async def keep(self: Replayed) -> None:
        if not self._over and self._failed is None:
            with suppress(RemitError, RuntimeError):  # the loop may be over
                await self.commit(Unit())
        await abandon(self)

    patch.setattr(Replayed, "abandon", keep)


# ── calls and their ends ────────────────────────────────────────────────────────────────────────────────────────────


def commit_what_came_too_late(patch: pytest.MonkeyPatch) -> None:
    """A handler that swallows its cancellation commits."""

    def nothing(self: Limit) -> None: ...

    patch.setattr(Limit, "refuse_late", nothing)
    patch.setattr(Limit, "refuse_ended", nothing)


def cancel_once(patch: pytest.MonkeyPatch) -> None:
    """Who has swallowed its cancellation is not cancelled again."""
    ask = Limit.ask

    def once(self: Limit) -> None:
        if not self.asked:
            ask(self)

    patch.setattr(Limit, "ask", once)


def hand_no_deadline_on(patch: pytest.MonkeyPatch) -> None:
    """What a handler calls has a time of its own."""
    call, enter = RemoteCalls.call, Deadlines.enter

    async def unlimited(self: RemoteCalls, message: Any, seconds: float, latest: float, /, **more: Any) -> Any:
        return await call(self, message, max(seconds, 10.0), NEVER, **more)

    def alone(self: Deadlines, seconds: float, outer: float = NEVER) -> Limit:
        return enter(self, seconds, NEVER)

    patch.setattr(RemoteCalls, "call", unlimited)
    patch.setattr(Deadlines, "enter", alone)


def tell_doubt_as_absence(patch: pytest.MonkeyPatch) -> None:
    """A call to another process whose outcome nobody knows is told as one that nobody has taken."""

    def absent(*_: Any, **__: Any) -> Unavailable:
        return Unavailable("nobody there")

    patch.setattr(remote, "_unknown", absent)


def tell_timeouts_as_failures(patch: pytest.MonkeyPatch) -> None:
    """The reply of a commit that is lost is told as a failure of the handler."""
    commit = SqliteStore.commit

    async def sure(self: SqliteStore, unit: Unit) -> None:
        try:
            await commit(self, unit)
        except Exception as error:
            if type(error).__name__ == "OutcomeUnknown":
                raise HandlerFailed("it failed") from error
            raise

    patch.setattr(SqliteStore, "commit", sure)


def keep_the_reply_of_the_last_run(patch: pytest.MonkeyPatch) -> None:
    """Who was overtaken by a repetition of the same call is told what it has decided itself."""
    take = Writer._take

    def whatever(self: Writer, claim: Any) -> None:
        try:
            take(self, claim)
        except Exception:  # noqa: BLE001  whatever it is
            return

    patch.setattr(Writer, "_take", whatever)


# ── following and parking ───────────────────────────────────────────────────────────────────────────────────────────


def park_what_passes(patch: pytest.MonkeyPatch) -> None:
    def never(error: BaseException) -> bool:
        return False

    patch.setattr(follower, "is_transient", never)


def wait_for_what_does_not_pass(patch: pytest.MonkeyPatch) -> None:
    """A bug is tried again for ever, in front of all that comes after it."""

    def always(error: BaseException) -> bool:
        return True

    patch.setattr(follower, "is_transient", always)


def handle_letters_backwards(patch: pytest.MonkeyPatch) -> None:
    letters = SqliteStore.letters

    async def last(self: SqliteStore, subscription: Any, key: str, limit: int, *more: Any) -> Any:
        return list(reversed(await letters(self, subscription, key, 100, *more)))[:limit]

    patch.setattr(SqliteStore, "letters", last)
    highest = writer._LOWEST.replace("ORDER BY pos LIMIT", "ORDER BY pos DESC LIMIT")
    assert highest != writer._LOWEST
    patch.setattr(writer, "_LOWEST", highest)


def free_keys_with_letters(patch: pytest.MonkeyPatch) -> None:
    def free(self: Writer, key: Any) -> None:
        self._execute(writer._UNPARK, key)

    patch.setattr(Writer, "_free", free)


def forget_letters_that_fail_again(patch: pytest.MonkeyPatch) -> None:
    """A letter that has failed once more is settled."""
    settle = Writer._settle

    def done(self: Writer, settled: Settle) -> None:
        settle(self, settled._replace(error="") if settled.error else settled)

    patch.setattr(Writer, "_settle", done)


def park_beside_the_checkpoint(patch: pytest.MonkeyPatch) -> None:
    """The checkpoint moves over a message that failed, which nobody puts aside."""
    park = Writer._park

    def nothing(self: Writer, parked: Any) -> None:
        if not parked.error:
            park(self, parked)

    patch.setattr(Writer, "_park", nothing)


def try_parked_keys_never(patch: pytest.MonkeyPatch) -> None:
    async def nothing(self: Any) -> None: ...

    patch.setattr(parking.Parking, "look", nothing)


def skip_what_fails(patch: pytest.MonkeyPatch) -> None:
    """A message of a batch that fails is left out with those before it."""

    async def pass_over(self: handling.Handling, lane: Any, error: Exception) -> Any:
        if lane.failing is None or lane.pos + 1 != lane.failing.pos:
            return None
        await self._store.commit(Unit(advance=self._advance(lane, (lane.pos, lane.id), lane.failing)))
        return lane.failing

    patch.setattr(handling.Handling, "settle", pass_over)


OF_PROGRAMS = [
    PlantedInPrograms("a derived key says the type and not the content", derive_keys_from_types, (26,)),
    PlantedInPrograms("a derived key counts calls", derive_keys_from_numbers, (1,)),
    PlantedInPrograms("a derived key is drawn", derive_keys_by_chance, (1,)),
    PlantedInPrograms("equal calls have one key", count_no_equal_calls, (86,)),
    PlantedInPrograms("an identity is not looked at", forget_identities, (1,)),
    PlantedInPrograms("a key is one for all types", scope_without_type, (10,)),
    PlantedInPrograms("a key is one for all callers", scope_without_caller, (10,)),
    PlantedInPrograms("each call elsewhere has a new key", call_elsewhere_without_a_key, (1,)),
    PlantedInPrograms("a key is not looked up", planted.forget_that_keys_are_used, (0,)),
    PlantedInPrograms("a claim is written in a second transaction", in_two_transactions(planted.claim_apart), (4,)),
    PlantedInPrograms("a taken key is no conflict", keep_the_reply_of_the_last_run, (10,)),
    PlantedInPrograms("a refusal commits", commit_what_failed(Refusal), (16,)),
    PlantedInPrograms("a failure commits", commit_what_failed(ValueError), (41,)),
    PlantedInPrograms("a refused command for later leaves something behind", keep_what_was_refused_later, (16,)),
    PlantedInPrograms(
        "a run after a conflict keeps the events of the one before", keep_events_of_the_run_before, (6,)
    ),
    PlantedInPrograms("a command for later is sent in the first run alone", send_later_in_the_first_run_alone, (104,)),
    PlantedInPrograms("one event of a message is published", publish_one_event_of_a_message, (2,)),
    PlantedInPrograms("branches load an aggregate each", load_for_each_branch, (87,)),
    PlantedInPrograms("a batch looks once", look_once_in_a_batch, (12,)),
    PlantedInPrograms("handlers that call share a transaction", share_units_among_all, (3,)),
    PlantedInPrograms("what comes together does so in the first run", come_together_in_the_first_run, (104,)),
    PlantedInPrograms("statements are committed apart", run_statements_apart, (59,)),
    PlantedInPrograms("rows of a failed run stay", keep_rows_of_failed_runs, (11,)),
    PlantedInPrograms("a checkpoint moves without the effect", advance_without_the_effect, (2,)),
    PlantedInPrograms("a swallowed cancellation commits", commit_what_came_too_late, (4,)),
    PlantedInPrograms("what swallows its cancellation goes on", cancel_once, (20,)),
    PlantedInPrograms("a deadline is not handed on", hand_no_deadline_on, (43,)),
    PlantedInPrograms("an older release drops newer fields", planted_releases.drop_what_is_not_known, (6,)),
    PlantedInPrograms(
        "an older release drops newer fields in sets", planted_releases.drop_what_is_not_known_in_sets, (388,)
    ),
    PlantedInPrograms(
        "an older release drops newer fields in dataclasses",
        planted_releases.drop_what_is_not_known_in_dataclasses,
        (388,),
    ),
    PlantedInPrograms("what a function makes is left out", planted_releases.leave_out_what_a_function_makes, (7,)),
    PlantedInPrograms("a release may change a key", planted_releases.let_keys_change, (21,)),
    PlantedInPrograms("a doubt about a call is told as nobody there", tell_doubt_as_absence, (43,)),
    PlantedInPrograms("a doubt about a commit is told as nothing done", planted.unknown_is_aborted, (39,)),
    PlantedInPrograms("a doubt about a commit is told as a failure", tell_timeouts_as_failures, (39,)),
    PlantedInPrograms("a cancelled commit is taken for aborted", planted.cancelled_is_aborted, (4,)),
    PlantedInPrograms("what passes is parked", park_what_passes, (1,)),
    PlantedInPrograms("what does not pass is waited for", wait_for_what_does_not_pass, (138,)),
    PlantedInPrograms("letters are handled backwards", handle_letters_backwards, (26,)),
    PlantedInPrograms("a key with letters is freed", free_keys_with_letters, (26,)),
    PlantedInPrograms("a letter that fails again is settled", forget_letters_that_fail_again, (21,)),
    PlantedInPrograms("a message that failed is not put aside", park_beside_the_checkpoint, (21,)),
    PlantedInPrograms("parked keys are never tried", try_parked_keys_never, (21,)),
    PlantedInPrograms("what fails is skipped", skip_what_fails, (0,)),
    PlantedInPrograms("only the failing message is parked", planted.park_only_the_message, (26,)),
    PlantedInPrograms("a conflict is taken for a failure", planted.conflict_is_a_failure, (26,)),
    PlantedInPrograms("a batch is handled in any order", planted.handle_a_batch_at_once, (1,)),
    PlantedInPrograms("messages of a key are spread over partitions", planted.partition_by_message, (1,)),
    PlantedInPrograms("an event is written in a second transaction", in_two_transactions(planted.events_apart), (6,)),
    PlantedInPrograms("the checkpoint moves by itself", in_two_transactions(planted.checkpoint_apart), (8,)),
    PlantedInPrograms("the checkpoint moves without comparing", planted.move_checkpoints_blindly, (26,)),
    PlantedInPrograms("the checkpoint skips gaps", planted.skip_gaps, (7,)),
    PlantedInPrograms("a newer version is written over", planted.write_over_newer_versions, (26,)),
    PlantedInPrograms("a conflict within a group is swallowed", planted.swallow_conflicts_of_a_group, (6,)),
    PlantedInPrograms("heads that others have moved are not read again", planted.keep_old_heads, (5,)),
    PlantedInPrograms(
        "an undeclared refusal of a command for later is taken for done",
        planted_answers.take_undeclared_refusals_for_done,
        (143,),
    ),
    PlantedInPrograms("what a silent command says is lost", planted_answers.lose_what_the_silent_say, (130,)),
    PlantedInPrograms("what was refused is sent for later all the same", planted_answers.send_what_was_refused, (77,)),
    PlantedInPrograms("a refusal arrives with other fields", planted_answers.tell_other_fields, (29,)),
    PlantedInPrograms("a refusal is told to another message", planted_answers.compare_no_refusals, (29,)),
    PlantedInPrograms("newer fields of a command are dropped", planted_answers.drop_newer_fields_of_commands, (103,)),
    PlantedInPrograms("a call with little time is refused", planted_answers.refuse_short_calls, (29,)),
    PlantedInPrograms("a good identity is refused", planted_answers.take_no_spaces, (29,)),
    PlantedInPrograms("what is new is not found", planted_answers.deny_what_is_new, (29,)),
    PlantedInPrograms("who asks again has no answer", planted_answers.forget_answers, (29,)),
    PlantedInPrograms(
        "a failure is told of what is applied", planted_answers.tell_failures_of_what_is_applied, (157,)
    ),
    PlantedInPrograms("given keys are one for all contexts", planted_answers.share_given_keys, (274,)),
    PlantedInPrograms("a run contradicts the one before it", planted_answers.let_runs_contradict, (79,)),
    PlantedInPrograms("a contradiction is seen everywhere", planted_answers.see_contradictions_everywhere, (361,)),
    PlantedInPrograms("two new aggregates are written", planted_answers.write_two_new_aggregates, (55,)),
    PlantedInPrograms("a key is parked at the first failure", planted_answers.park_at_once, (143,)),
    PlantedInPrograms("a derived key leaves out the message", planted_seldom.derive_keys_without_the_message, (86,)),
    PlantedInPrograms(
        "two reactions to one event call under the same keys", planted_seldom.know_reactions_by_their_event, (276,)
    ),
    PlantedInPrograms("equal calls are counted on after a conflict", planted_seldom.count_equal_calls_on, (14,)),
    PlantedInPrograms("equal messages of one run are said once", planted_seldom.enter_equal_messages_once, (86,)),
    PlantedInPrograms("what was foreseen stays", planted_seldom.keep_what_was_foreseen, (86,)),
    PlantedInPrograms(
        "what was foreseen is taken for another", planted_seldom.take_what_was_foreseen_for_another, (196,)
    ),
    PlantedInPrograms("MessagePack drops offsets", planted_seldom.see_no_offsets, (345,)),
    PlantedInPrograms("what storms is skipped", planted_seldom.skip_what_storms, (15,)),
    PlantedInPrograms("fresh answers mind no parked keys", planted_seldom.mind_no_parked_keys, (0,)),
    PlantedInPrograms("fresh answers wait for no views", planted_seldom.wait_for_no_views, (97,)),
    PlantedInPrograms("wishes for later are not noted", planted_seldom.claim_no_wishes, (153,)),
    PlantedInPrograms("parked commands are never tried", planted_seldom.try_parked_commands_never, (138,)),
    PlantedInPrograms("long keys are spread over partitions", planted_seldom.spread_long_keys, (11,)),
    PlantedInPrograms("letters are settled beside their rows", planted_seldom.settle_letters_beside_their_rows, (205,)),
    PlantedInPrograms("what is new is written over what is there", planted_scarce.begin_over_others, (34,)),
    PlantedInPrograms(
        "what comes together is told another identity", planted_scarce.tell_those_beside_another_identity, (24,)
    ),
    PlantedInPrograms("what hangs elsewhere goes on", planted_scarce.end_nothing_that_others_call, (107,)),
    PlantedInPrograms("edges forget keys", planted_scarce.forget_keys_at_edges, (3,)),
    *(PlantedInPrograms(*each) for each in planted_kit.OF_THE_KIT),
    *(PlantedInPrograms(*each) for each in planted_foreign.OF_FOREIGN),
    *(PlantedInPrograms(*each) for each in planted_sourced.OF_STREAMS),
    *(PlantedInPrograms(*each) for each in planted_rebuilds.OF_REBUILDS),
    *(PlantedInPrograms(*each) for each in planted_ages.OF_AGES),
]  # fmt: skip
