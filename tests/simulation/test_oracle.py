"""The oracle sees what chance hardly ever brings about: for each of these bugs, a program that meets it at once."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from remit.testing.simulation.programs import Program, Rollout, run_program, scene_of, tape
from remit.testing.simulation.programs.grammar import (
    Add,
    Branch,
    Change,
    Fail,
    Gather,
    Handler,
    Kept,
    Later,
    Look,
    Message,
    Refuse,
    Root,
    Send,
    Statement,
    Wait,
)
from remit.testing.simulation.programs.tidying import tidied
from tests.simulation import planted_answers as bugs
from tests.simulation import planted_scarce
from tests.simulation.planted import Plant

KEY = "message.key"
THING, OTHER, THERE, THERE_TOO = Kept("AThing", "a"), Kept("AOther", "a"), Kept("BThing", "b"), Kept("BOther", "b")
CHANGE, CHANGE_OTHER = Change("AThing", KEY), Change("AOther", KEY)
MEET = Wait(0.5, meet=True)
FAIL = Fail("True", 'ValueError("a bug")')
SLOWER = Branch("run.tries > 1", (Wait(1.5), Fail("True", 'ValueError("a bug of the slower")')), (Wait(0.5),))
EITHER = Branch("run.tries > 1", (Send("AX", KEY),), (Send("AY", KEY),))


@dataclass(frozen=True)
class Case:
    """A bug, a program in which it must be seen, and the seed of the scene."""

    plant: Plant
    program: Program
    said: str
    """What the oracle says of it."""
    seed: int = 7_000_000


@dataclass
class Made:
    """Puts a program together."""

    kept: Sequence[Kept] = (THING, OTHER)
    commands: list[Message] = field(default_factory=list[Message])
    handlers: list[Handler] = field(default_factory=list[Handler])
    events: list[Message] = field(default_factory=list[Message])

    def on(self, name: str, *body: Statement, refuses: bool = False, news: bool = False) -> Made:
        """A command, and what handles it."""
        context = name[0].lower()
        self.commands.append(Message(name, context, identity=news, news=news))
        self.handlers.append(Handler(f"do_{name.lower()}", context, (name,), body, refuses=refuses))
        return self

    def react(self, *body: Statement) -> Made:
        """An event, and a reaction to it."""
        self.events.append(Message("AWas", "a"))
        self.handlers.append(Handler("on_was", "a", ("AWas",), body, "reaction"))
        return self

    def called(self, *roots: Root, rollout: Rollout | None = None) -> Program:
        """All of it."""
        contexts = tuple(sorted({each.context for each in self.kept}))
        kept, commands, events = tuple(self.kept), tuple(self.commands), tuple(self.events)
        return tidied(Program(contexts, kept, commands, events, tuple(self.handlers), roots, rollout=rollout))


def roots(
    *keys: str, count: int = 4, apart: float = 0.3, wish: str = "", copies: int = 1, deadline: float = 10.0,
    tries: int = 6,
) -> list[Root]:  # fmt: skip
    """Calls of the first command from outside, one after the other."""
    keys = keys or ("k0",)
    return [
        Root(f"r{turn}", "ADo", keys[turn % len(keys)], 0.1 + apart * turn, wish or f"r{turn}", deadline, tries, copies)
        for turn in range(count)
    ]


TWO = (THING, THERE)
CASES = {
    "a command for later that raises what it does not declare is dropped": Case(
        bugs.take_undeclared_refusals_for_done,
        Made().on("ADo", CHANGE, Later("AX", KEY)).on("AX", CHANGE_OTHER, Refuse("True", declared=False))
        .called(*roots()),
        "lost: a.do_ax has not handled AX",
    ),
    "what a silent command sends for later is lost": Case(
        bugs.lose_what_the_silent_say,
        Made().on("ADo", CHANGE, Later("AX", KEY)).on("AX", Later("AY", KEY)).on("AY", CHANGE_OTHER).called(*roots()),
        "lost: a.do_ay has not handled AY",
    ),
    "what a refused command has sent for later goes out": Case(
        bugs.send_what_was_refused,
        Made().on("ADo", CHANGE, Later("AX", KEY)).on("AX", Later("AY", KEY), Refuse("True"), refuses=True)
        .on("AY", CHANGE_OTHER).called(*roots()),
        "handles what was never written",
    ),
    "a refusal arrives with other fields": Case(
        bugs.tell_other_fields,
        Made().on("ADo", CHANGE, Refuse("True"), refuses=True).called(*roots()),
        "was refused with what was said of 'another'",
    ),
    "a refusal is told to another message with its key": Case(
        bugs.compare_no_refusals,
        Made().on("ADo", CHANGE, Refuse("True"), refuses=True).called(*roots(wish="same")),
        "was refused with what was said of 'r",
    ),
    "an older release handles a command without its newer field": Case(
        bugs.drop_newer_fields_of_commands,
        Made(TWO).on("ADo", Send("BX", KEY), CHANGE).on("BX", Change("BThing", KEY), news=True)
        .called(*roots(count=16, apart=0.4, tries=1), rollout=Rollout((0.3,), ("a",))),
        "in a newer field has arrived 0", 7_000_001,
    ),
    "a call with little time is not even tried": Case(
        bugs.refuse_short_calls, Made().on("ADo", CHANGE).called(*roots(deadline=0.9)), "has no answer when all is well"
    ),
    "a good identity is refused": Case(
        bugs.take_no_spaces,
        Made().on("ADo", CHANGE).called(*roots("k0 ", "O'Brien")), "has no answer when all is well",
    ),
    "a good identity is refused, and the key of its message parked": Case(
        bugs.take_no_spaces,
        Made().on("ADo", Change("AThing", '"one"', ("AWas",))).react(CHANGE_OTHER).called(*roots("k0 ")),
        "parked without need",
    ),
    "what a handler has made is not found by it": Case(
        bugs.deny_what_is_new,
        Made().on("ADo", CHANGE, Look("AThing", KEY, get=True)).called(*roots()), "is not there, which it has seen",
    ),
    "who asks again has no answer": Case(
        bugs.forget_answers, Made().on("ADo", CHANGE).called(*roots()), "has no answer when all is well"
    ),
    "who fails after the same was applied is told the failure": Case(
        bugs.tell_failures_of_what_is_applied,
        Made().on("ADo", SLOWER, CHANGE).called(*roots(count=8, copies=3)),
        "had its answer",
    ),
    "a key that a handler gives is one for all contexts": Case(
        bugs.share_given_keys,
        Made((THING, THERE, THERE_TOO)).on("ADo", Send("BX", KEY, shared=True), CHANGE)
        .on("BDo", Send("BX", KEY, shared=True), Change("BThing", KEY)).on("BX", Change("BOther", KEY))
        .called(Root("r0", "ADo", "k0", 0.1, "r0"), Root("r1", "BDo", "k0", 1.5, "r1")),
        "was told of a reused key",
    ),
    "a run contradicts the one before it": Case(
        bugs.let_runs_contradict,
        Made().on("ADo", Look("AThing", KEY), EITHER, MEET, CHANGE)
        .on("AX", Change("AOther", "message.path[:9]")).on("AY", Change("AOther", "message.path[:9]"))
        .called(*roots(apart=0.0)),
        "has not called AY",
    ),
    "a handler writes two aggregates": Case(
        bugs.write_two_new_aggregates,
        Made().on("ADo", CHANGE, CHANGE_OTHER).called(*roots()), "has changed two aggregates",
    ),
    "a run is taken for a contradiction that is none": Case(
        bugs.see_contradictions_everywhere,
        Made().on("ADo", Look("AThing", KEY), Send("AX", KEY), MEET, CHANGE)
        .on("AX", Change("AOther", "message.path[:9]")).called(*roots(apart=0.0)),
        "was told of a contradiction that is none",
    ),
    "a bug beside a refusal is told as the refusal": Case(
        bugs.tell_refusals_before_failures,
        Made().on("ADo", CHANGE, Gather(((Wait(0.0), Refuse("True")), (FAIL,)), "group"), refuses=True)
        .called(*roots()),
        "no run has decided that in its time",
    ),
    "a key is parked at the first failure": Case(
        bugs.park_at_once,
        Made().on("ADo", Change("AThing", KEY, ("AWas",)))
        .react(Fail("run.tries < 3", 'ValueError("a bug, twice")'), CHANGE_OTHER).called(*roots()),
        "parked without need",
    ),
    "what is new is written over what is there": Case(
        planted_scarce.begin_over_others,
        Made().on("ADo", MEET, Add("AThing", KEY, absent=True), Look("AOther", KEY), MEET).called(*roots(apart=0.0)),
        "have found no a.AThing 'k0', and",
    ),
    "a handler that another process has called hangs on": Case(
        planted_scarce.end_nothing_that_others_call,
        Made(TWO).on("ADo", Send("BX", KEY, "all", 0.5), CHANGE)
        .on("BX", Branch("run.tries < 2", (Wait(4.0),)), Change("BThing", KEY)).called(*roots()),
        "after its deadline", 7_000_001,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_oracle_sees_a_bug_in_a_program_that_meets_it(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = scene_of(case.seed)
    assert run_program(case.program, scene).report.verdicts == []
    case.plant(monkeypatch)
    found = [f"{each.judge}: {each.what}" for each in run_program(case.program, scene).report.verdicts]
    assert [each for each in found if case.said in each], found


def test_what_a_handler_looks_at_after_something_else_is_noted_and_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """What handlers note must not fail by itself: their failures would be taken for the program's."""
    got, ended = tape.Run.got, list[str]()

    async def noted(self: tape.Run, kind: str, key: str, getting: Awaitable[Any]) -> Any:
        try:
            found = await got(self, kind, key, getting)
        except Exception as error:
            ended.append(type(error).__name__)
            raise
        ended.append("found")
        return found

    monkeypatch.setattr(tape.Run, "got", noted)
    get = Look("AThing", KEY, get=True)
    body = (Send("AX", KEY), Send("AY", KEY), Look("AOther", KEY), get)
    program = Made().on("ADo", *body).on("AX", CHANGE).on("AY", CHANGE_OTHER).called(*roots())
    assert run_program(program, scene_of(7_000_000)).report.verdicts == []
    assert set(ended) == {"found"}


def test_the_oracle_sees_an_event_that_comes_under_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a run has said is noted with a key that its event does not have."""
    noted = tape.Run.noted

    def otherwise(self: tape.Run, message: Any) -> Any:
        noted(self, message)
        self.said[-1] = self.said[-1]._replace(key="another")
        return message

    monkeypatch.setattr(tape.Run, "noted", otherwise)
    program = Made().on("ADo", Change("AThing", KEY, ("AWas",))).react(CHANGE_OTHER).called(*roots())
    found = [each.what for each in run_program(program, scene_of(7_000_000)).report.verdicts]
    assert [each for each in found if "was told the key 'k0'" in each], found


@pytest.mark.parametrize("seed", [7_000_013, 7_000_057])
def test_a_copy_of_a_call_is_decided_anew_before_its_caller_is_told_of_the_refusal(seed: int) -> None:
    body = (Wait(0.1), Change("BThing", KEY), Refuse("run.tries % 2"))
    made = Made(TWO).on("ADo", Send("BX", KEY, "refusal"), CHANGE).on("BX", *body, refuses=True)
    assert run_program(made.called(*roots(count=12)), scene_of(seed)).report.verdicts == []
