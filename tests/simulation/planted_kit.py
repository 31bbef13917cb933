"""Bugs in what else handlers may ask for and declare: refusals that are returned, what is removed, claims, records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from remit.contexts import Envelope
from remit.contexts.declarations import REACTION
from remit.messages import Refusal, forms
from remit.messages.codec import Rest
from remit.runtime import compiler
from remit.runtime.following import dispatch
from remit.runtime.following.dispatch import DISPATCHERS
from remit.runtime.following.joint import JointHandling, JointParking
from remit.runtime.plan import LaterPlan
from remit.runtime.remote.calls import RemoteCalls
from remit.runtime.work import claims, unit
from remit.runtime.work.carried import carrying
from remit.runtime.work.claims import UnitClaims
from remit.runtime.work.intercepting import _Invocation, intercepted
from remit.runtime.work.records import UnitRecords
from remit.runtime.work.unit import UnitOfWork
from remit.stores import Change, Unit
from remit.stores.sqlite.writer import Writer
from tests.simulation.planted import Plant

# ── refusals that are returned ──────────────────────────────────────────────────────────────────────────────────────


def drop_what_is_refused(patch: pytest.MonkeyPatch) -> None:
    """A refusal that is returned drops what was decided, as if it were raised."""
    run = UnitOfWork.run

    async def raised(self: UnitOfWork, handler: Any, message: Any) -> Any:
        reply = await run(self, handler, message)
        if isinstance(reply, Refusal):
            raise reply
        return reply

    patch.setattr(UnitOfWork, "run", raised)


def keep_no_returned_refusals(patch: pytest.MonkeyPatch) -> None:
    """A refusal that is returned is not stored as the outcome under its key."""
    commit = UnitOfWork.commit

    def unclaimed(self: UnitOfWork, rows: Unit) -> Any:
        if rows.claim is not None and bytes(rows.claim.outcome or b"").startswith(b'{"refusal'):
            rows.claim = None
        return commit(self, rows)

    patch.setattr(UnitOfWork, "commit", unclaimed)


def drop_what_is_refused_later(patch: pytest.MonkeyPatch) -> None:
    """A command sent for later that returns a refusal leaves nothing behind."""
    later: Any = DISPATCHERS[LaterPlan]
    do = later._do

    async def dropped(self: Any, unit: UnitOfWork, *more: Any) -> Any:
        refused = await do(self, unit, *more)
        if refused is not None:
            claim = unit.claim
            await unit.forget()
            unit.claim = claim
        return refused

    patch.setattr(later, "_do", dropped)


# ── reactions that follow together ──────────────────────────────────────────────────────────────────────────────────


def follow_apart(patch: pytest.MonkeyPatch) -> None:
    """Reactions on one model follow each by itself."""

    def alone(*_: Any) -> list[Any]:
        return []

    patch.setattr(compiler, "groups_of", alone)


def handle_letters_apart(patch: pytest.MonkeyPatch) -> None:
    """Each of the reactions on one model handles its own letters of a key, whatever the others wait for."""

    async def own(self: JointParking, key: str) -> Any:
        letters = await self._store.letters(self.place, key, 1)
        return (self, letters[0].record) if letters else None

    patch.setattr(JointParking, "_first", own)


def go_on_beside_parked_keys(patch: pytest.MonkeyPatch) -> None:
    """A key that is parked for one of the reactions on one model holds up that one alone."""
    step = JointHandling._step

    async def alone(self: Any, lane: Any, unit: Any, decided: Any, record: Any, turn: int, parked: Any) -> bool:
        own = [name for name in parked if name == self._members[turn].id.name]
        return await step(self, lane, unit, decided, record, turn, own)

    patch.setattr(JointHandling, "_step", alone)


# ── aggregates that are removed ─────────────────────────────────────────────────────────────────────────────────────


def forget_removed_versions(patch: pytest.MonkeyPatch) -> None:
    """Nothing is left of an aggregate that was removed: its version begins anew."""
    write = Writer._write

    def without(self: Any, unit: Unit) -> None:
        write(self, unit)
        self._execute("DELETE FROM state WHERE length(body) = 0")

    patch.setattr(Writer, "_write", without)


def lose_what_the_removed_say(patch: pytest.MonkeyPatch) -> None:
    """Events that an aggregate has recorded before it was removed are lost."""
    take_up = UnitOfWork._take_up

    def silent(self: UnitOfWork, handler: Any, tracked: Any) -> Any:
        events = take_up(self, handler, tracked)
        return [] if tracked.removed else events

    patch.setattr(UnitOfWork, "_take_up", silent)


def keep_what_is_removed(patch: pytest.MonkeyPatch) -> None:
    """A removal is not written where the aggregate has recorded nothing."""
    made = UnitOfWork.unit

    def kept(self: UnitOfWork) -> Unit:
        rows = made(self)
        if not rows.entries:
            rows.changes = [change for change in rows.changes if change.body]
        return rows

    patch.setattr(UnitOfWork, "unit", kept)


# ── claims ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def claim_over_others(patch: pytest.MonkeyPatch) -> None:
    """Of two that take a value at the same time, both have it."""
    change = Writer._change

    def over(self: Any, each: Change) -> None:
        if each.kind.endswith(" claim"):
            self._execute("DELETE FROM state WHERE kind = ? AND id = ?", (each.kind, each.id))
            each = each._replace(expected=0)
        change(self, each)

    patch.setattr(Writer, "_change", over)


def keep_claims_of_the_removed(patch: pytest.MonkeyPatch) -> None:
    """What an aggregate has claimed is not given up with it."""

    async def keep(unit: Any) -> None:
        unit.leaving = None

    for module in (claims, unit):
        patch.setattr(module, "give_up_all", keep)


def give_nothing_up(patch: pytest.MonkeyPatch) -> None:
    """A value that is given up stays with its aggregate."""

    async def nothing(self: UnitClaims, value: Any, /, *, by: Any) -> None: ...

    patch.setattr(UnitClaims, "give_up", nothing)


# ── records ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def put_over_others(patch: pytest.MonkeyPatch) -> None:
    """A record is put, whoever has changed it since it was looked at."""
    change = Writer._change

    def over(self: Any, each: Change) -> None:
        if ".ACard" in each.kind or ".BCard" in each.kind:
            self._execute("DELETE FROM state WHERE kind = ? AND id = ?", (each.kind, each.id))
            each = each._replace(expected=0)
        change(self, each)

    patch.setattr(Writer, "_change", over)


def list_what_is_stored(patch: pytest.MonkeyPatch) -> None:
    """A list has what is stored, and not what the handler has put and deleted."""
    page = UnitRecords.page

    async def stored(self: Any, **more: Any) -> Any:
        tracked, self._unit._tracked = self._unit._tracked, {}
        try:
            return await page(self, **more)
        finally:
            self._unit._tracked = tracked

    patch.setattr(UnitRecords, "page", stored)


def put_one_record(patch: pytest.MonkeyPatch) -> None:
    """Of the records that a handler has put, one is written."""
    made = UnitOfWork.unit

    def one(self: UnitOfWork) -> Unit:
        rows = made(self)
        records = [each for each in rows.changes if "Card" in each.kind]
        rows.changes = [each for each in rows.changes if each not in records[1:]]
        return rows

    patch.setattr(UnitOfWork, "unit", one)


# ── what is followed and published ──────────────────────────────────────────────────────────────────────────────────


def follow_three_events(patch: pytest.MonkeyPatch) -> None:
    """A reaction follows three events at most."""
    reaction = compiler._BINDS[REACTION]

    def few(self: Any, plan: Any, handler: Any) -> None:
        id = self._followed(plan.name, handler.message)
        if id not in self.follows or len(self.follows[id].takes) < 3:
            reaction(self, plan, handler)

    patch.setitem(compiler._BINDS, REACTION, few)


def announce_in_the_first_run(patch: pytest.MonkeyPatch) -> None:
    """An event without an aggregate is left out when the handler runs again."""
    announce = UnitOfWork.announce

    def once(self: UnitOfWork, event: Any, key: str) -> None:
        if self.attempt.run == 1:
            announce(self, event, key)

    patch.setattr(UnitOfWork, "announce", once)


def announce_by_no_key(patch: pytest.MonkeyPatch) -> None:
    """Events without an aggregate are spread over the partitions, whatever key they are given."""
    announce = UnitOfWork.announce

    def spread(self: UnitOfWork, event: Any, key: str) -> None:
        announce(self, event, event.path)

    patch.setattr(UnitOfWork, "announce", spread)


# ── interceptors, headers and envelopes ─────────────────────────────────────────────────────────────────────────────


def run_interceptors_backwards(patch: pytest.MonkeyPatch) -> None:
    """The first interceptor is the innermost."""

    def backwards(function: Any, interceptors: Sequence[Any], *more: Any) -> Any:
        return intercepted(function, tuple(reversed(interceptors)), *more)

    patch.setattr(compiler, "intercepted", backwards)


def let_interceptors_hide_failures(patch: pytest.MonkeyPatch) -> None:
    """What an interceptor returns counts, although the handler has raised something."""
    proceed: Any = _Invocation.proceed

    async def forget(self: Any) -> Any:
        try:
            return await proceed(self)
        finally:
            self._failed = None

    patch.setattr(_Invocation, "proceed", forget)


def lose_headers_of_events(patch: pytest.MonkeyPatch) -> None:
    """A header does not travel with what is recorded."""

    def nothing(record: Any) -> Any:
        return {}

    patch.setattr(dispatch, "carried_by", nothing)


def lose_headers_of_calls(patch: pytest.MonkeyPatch) -> None:
    """A header does not travel to another process."""
    call = RemoteCalls.call

    async def without(self: Any, *more: Any, **named: Any) -> Any:
        with carrying({}):
            return await call(self, *more, **named)

    patch.setattr(RemoteCalls, "call", without)


def make_envelopes_anew(patch: pytest.MonkeyPatch) -> None:
    """Whoever handles a message has another identity of it."""

    def own(self: UnitOfWork) -> Envelope:
        return Envelope(id=self.workplace.ids.new(), time=self.workplace.clock.now())

    patch.setattr(UnitOfWork, "envelope", own)


# ── one of several shapes ───────────────────────────────────────────────────────────────────────────────────────────


def take_one_shape_for_another(patch: pytest.MonkeyPatch) -> None:
    """Of two shapes with the same fields, one is written as the other."""
    by_class = forms._by_class

    def mistaken(turns: Mapping[Any, Any]) -> Any:
        turn, named = by_class(turns), {each.__name__: each for each in turns}

        def turned(value: Any) -> Any:
            if type(value) is named.get("Oval") and "Square" in named:
                value = named["Square"](side=value.side)
            return value if turn is None else turn(value)

        return turned

    patch.setattr(forms, "_by_class", mistaken)


def drop_newer_fields_of_shapes(patch: pytest.MonkeyPatch) -> None:
    """An older release drops newer fields where there is one of several shapes."""
    completed = Rest.completed

    def without(self: Rest, body: bytes) -> bytes:
        return body if b'"$type"' in body else completed(self, body)

    patch.setattr(Rest, "completed", without)


# ── beginnings ──────────────────────────────────────────────────────────────────────────────────────────────────────


def begin_with_the_log(patch: pytest.MonkeyPatch) -> None:
    """A reaction that is to begin now begins where the log does."""

    def never(declared: Any) -> None: ...

    patch.setattr(compiler, "_begins", never)


OF_THE_KIT: Sequence[tuple[str, Plant, Sequence[int]]] = (
    ("a returned refusal drops what was decided", drop_what_is_refused, (87,)),
    ("a returned refusal is not kept under its key", keep_no_returned_refusals, (87,)),
    ("what a command for later decides and refuses is dropped", drop_what_is_refused_later, (87,)),
    ("reactions on one model follow apart", follow_apart, (28,)),
    ("reactions on one model handle letters apart", handle_letters_apart, (91,)),
    ("a key is parked for one of the reactions on one model", go_on_beside_parked_keys, (91,)),
    ("a removed aggregate leaves no version", forget_removed_versions, (156,)),
    ("what a removed aggregate has recorded is lost", lose_what_the_removed_say, (28,)),
    ("a removal is not written", keep_what_is_removed, (156,)),
    ("two have one claimed value", claim_over_others, (242,)),
    ("a removed aggregate keeps what it has claimed", keep_claims_of_the_removed, (109,)),
    ("what is given up stays claimed", give_nothing_up, (242,)),
    ("a record is put over that of somebody else", put_over_others, (87,)),
    ("a list has what is stored", list_what_is_stored, (87,)),
    ("one record of several is put", put_one_record, (87,)),
    ("a reaction follows three events", follow_three_events, (129,)),
    ("an event without an aggregate is published in the first run", announce_in_the_first_run, (129,)),
    ("an event without an aggregate is ordered by nothing", announce_by_no_key, (129,)),
    ("interceptors run backwards", run_interceptors_backwards, (9,)),
    ("an interceptor hides a failure", let_interceptors_hide_failures, (51,)),
    ("headers do not travel with events", lose_headers_of_events, (9,)),
    ("headers do not travel to other processes", lose_headers_of_calls, (9,)),
    ("an envelope is made anew for each handler", make_envelopes_anew, (9,)),
    ("a shape is taken for another", take_one_shape_for_another, (6,)),
    ("an older release drops newer fields of shapes", drop_newer_fields_of_shapes, (6,)),
    ("what is to begin now begins with the log", begin_with_the_log, (134,)),
)
"""Their names, and the programs of generator seed 1 that have shown them."""
