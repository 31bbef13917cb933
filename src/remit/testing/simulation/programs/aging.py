"""Read models that promise how old they may be: programs that have some, who asks for their ages, and what these say.

All processes of a simulation have one time, so a promise can be compared with what was really committed by then.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from math import inf
from random import Random
from typing import TypeGuard

from remit.contexts import ContextMap
from remit.domain import Freshness, freshness_of
from remit.errors import RemitError
from remit.messages import Query
from remit.runtime.upkeep.ages import ModelAge
from remit.testing.simulation.cluster import Choices, ClusterDoor
from remit.testing.simulation.cluster.nodes import Incarnation, life
from remit.testing.simulation.judges import Verdict
from remit.testing.simulation.programs.facts import Facts
from remit.testing.simulation.programs.grammar import Change, Kept, Message, Program, Question, Statement
from remit.testing.simulation.programs.noted import INSTANT, Aged, Place
from remit.testing.simulation.programs.tape import Tape

__all__ = ["aged_query", "judge_ages", "read", "reading", "unfresh", "with_freshness"]

_PROMISES = ("warn=2, critical=2", "warn=2, critical=2.5", "warn=2, critical=6", "warn=5, critical=60")
_REFUSE = 0.4
"""The share of those that are not read when they are too old."""
_NEW = (1, 1, 2)
"""How many projections a program has in addition."""
_TOLD = 0.5
"""The share of programs in which each context publishes what it has changed."""
_FAILS = 0.25
"""The share of these that fail at the events of one call, until their bug is fixed."""
_HALTED = 0.7
"""The share of them that do not get on for a while."""
_ONE_SOURCE = 0.8
"""Of those with several sources, the share that goes on with the others."""
_LAST_SECONDS = 12.0
_LOOK_SECONDS = 5.0
"""The longest time between two looks at a source that answers, and some more."""
_STILL_SECONDS = 3.0
"""How long a key has to have been parked before its model has to say so."""


# ── programs ────────────────────────────────────────────────────────────────────────────────────────────────────────


def with_freshness(random: Random, program: Program) -> Program:
    """Some projections promise how old they may be, among them some more, of one source or of several. People ask for
    their documents and ages."""
    if program.rollout is not None or not program.roots:
        return program
    if random.random() < _TOLD:
        program = _with_events_told(random, program)
    every = [*(each for each in program.kept if each.folds and not each.fails), *_more(random, program)]
    if not every:
        return program
    chosen = {each.name: _promise(random) for each in random.sample(every, min(len(every), random.choice((1, 2, 3))))}
    others = [each for each in program.kept if all(each.name != one.name for one in every)]
    every = [replace(each, promises=chosen.get(each.name, "")) for each in every]
    halts = tuple(_halted(random, program, each) for each in every if each.promises and random.random() < _HALTED)
    questions = (*program.questions, *_asked(random, program, every, halts))
    return replace(program, kept=(*others, *every), questions=questions, halts=halts)


def _with_events_told(random: Random, program: Program) -> Program:
    """Each context that has changed something publishes it, so that a projection may have several sources."""
    for context in program.contexts:
        if any(each.context == context for each in program.events):
            continue
        own = [each for each in program.handlers if each.context == context and any(map(_may_record, each.body))]
        if own:
            chosen, name = random.choice(own), f"{context.upper()}Noted"
            at, first = next((at, each) for at, each in enumerate(chosen.body) if _may_record(each))
            body = (*chosen.body[:at], replace(first, events=(name,)), *chosen.body[at + 1 :])
            program = replace(
                program,
                events=(*program.events, Message(name, context)),
                handlers=tuple(replace(each, body=body) if each is chosen else each for each in program.handlers),
            )
    told = [replace(each, told=each.told or f"{each.name}Told") for each in program.events]
    return replace(program, events=tuple(told))


def _may_record(each: Statement) -> TypeGuard[Change]:
    return isinstance(each, Change) and not each.events and not each.remove


def _halted(random: Random, program: Program, kept: Kept) -> tuple[str, float, float]:
    """With all of its sources, or with one of several."""
    sources = list(dict.fromkeys(each.context for each in program.events if {each.name, each.told} & {*kept.folds}))
    one = f" {random.choice(sources)}" if len(sources) > 1 and random.random() < _ONE_SOURCE else ""
    at, seconds = random.random() * 3.0, random.choice((2.0, 5.0, 8.0))
    return f"{kept.context}.{kept.name}{one}", round(at, 2), round(seconds * random.random(), 2)


def _promise(random: Random) -> str:
    refuses = ", refuse=True" if random.random() < _REFUSE else ""
    return f"Freshness({random.choice(_PROMISES)}{refuses})"


def _more(random: Random, program: Program) -> Iterator[Kept]:
    """Projections in addition. Most have several sources, if there are any."""
    for number in range(random.choice(_NEW)):
        context = random.choice(program.contexts)
        own = [each.name for each in program.events if each.context == context]
        others = [each.told for each in program.events if each.context != context and each.told]
        random.shuffle(own)
        random.shuffle(others)
        folds = (*own[: random.choice((0, 1, 1))], *others[: random.choice((0, 1, 2))])
        root = random.choice(program.roots).path
        fails = f'event.path.startswith("{root}/")' if random.random() < _FAILS else ""
        if folds:
            yield Kept(f"{context.upper()}Aged{number}", context, folds, fails=fails)


def _asked(
    random: Random, program: Program, models: Sequence[Kept], halts: Sequence[tuple[str, float, float]]
) -> Iterator[Question]:
    """Most questions come while the model does not get on, or soon afterwards."""
    keys = list(dict.fromkeys(root.key for root in program.roots))[:2]
    halted = {name.partition(" ")[0]: (at, seconds + 1.0) for name, at, seconds in halts}
    for kept in models:
        for _ in range(random.choice((6, 10)) if kept.promises else 0):
            at, seconds = halted.get(f"{kept.context}.{kept.name}", (0.0, random.choice((3.0, _LAST_SECONDS))))
            yield Question(kept.name, random.choice(keys), round(at + random.random() * seconds, 2), aged=True)


def aged_query(kept: Kept) -> Iterator[str]:
    """The handler of a query that reads a document, and asks how old it is."""
    name = f"Aged{kept.name}"
    yield f"\n    @{kept.context}.answer({name})"
    yield f"    async def {name.lower()}(query: {name}, stored: View[{kept.name}]) -> list[str]:"
    yield "        began, before = tape.now(), await stored.age()"
    yield "        found = await stored.find(query.key)"
    yield "        entries = [] if found is None else found.entries"
    place = f'"{kept.context}.{kept.name}", query.key'
    yield f"        return read(tape, {place}, began, (before, await stored.age()), entries)"


# ── who asks ────────────────────────────────────────────────────────────────────────────────────────────────────────


def read(tape: Tape, kind: str, key: str, began: float, ages: tuple[float, float], entries: Sequence[str]) -> list[str]:
    """Notes what a handler has read, and the ages that it was told before and afterwards."""
    tape.ages.read.append(Aged(Place(kind, key), began, ages, tape.now(), tuple(entries), life()))
    return list(entries)


async def reading(door: ClusterDoor, choices: Choices, tape: Tape, query: Query[list[str]], at: float) -> None:
    """Asks for a document, as it is. Then looks for a while at what the process says of its models."""
    await asyncio.sleep(at + choices.delay("ask", 1.0))
    living = door.somebody()
    if living is None or living.host is None:
        return
    with contextlib.suppress(RemitError):  # such as `TooOld`
        await door.ask(living, living.host.ask(query, deadline=5.0))
    if isinstance(living, Incarnation):  # pyright: ignore[reportUnnecessaryIsInstance]  # real processes have another door
        tape.ages.wrong += await _unaware(living)


async def _unaware(living: Incarnation) -> list[str]:
    """What is wrong with the states of the models in a process: with those of models with parked keys, and with those
    that are old."""
    loop = asyncio.get_running_loop()
    began, before = loop.time(), await _parked(living)
    await asyncio.sleep(_STILL_SECONDS)
    wrong: list[str] = []
    for model in _models(living):
        age = inf if model.age is None else model.age
        if model.state == "fresh" and _LOOK_SECONDS + model.warn < age < inf:
            wrong.append(f"{model.name} is {age:.1f} s old in {living.name}, and is said to be fresh")
    models = [each for each in _models(living) if each.age is not None and INSTANT < each.age < loop.time() - began]
    parked = before & await _parked(living)
    wrong += [
        f"{each.name} has a parked key, and {living.name} says that it is fresh, and {each.age} s old"
        for each in models
        if each.name in {name for name, *_ in parked} and each.state == "fresh"
    ]
    return wrong


def _models(living: Incarnation) -> Sequence[ModelAge]:
    return [] if living.dead or living.host is None else living.host.ages.models()


async def _parked(living: Incarnation) -> set[tuple[str, str, str, float]]:
    """The parked keys in the stores of a process, and since when they are parked."""
    with contextlib.suppress(RemitError):
        rows = [row for store in living.stores.values() for row in await store.parked()]
        return {(row.subscription.name, row.subscription.label, row.key, row.since) for row in rows}
    return set()


async def unfresh(door: ClusterDoor, tape: Tape) -> Sequence[Verdict]:
    """What is wrong with the states of the models when everything is done, and nothing is disturbed."""
    found: list[Verdict] = []
    for living in door.everybody():
        parked = {name for name, *_ in await _parked(living)}
        tape.ages.fresh |= {each.name for each in _models(living) if each.state == "fresh"}
        for model in _models(living):
            if model.name in parked:
                if model.state == "fresh":
                    found.append(Verdict("false", f"{model.name} has a parked key, and is fresh in {living.name}"))
            elif model.state != "fresh" or model.age is None or model.age > model.warn:
                what = f"{model.name} is {model.state} in {living.name}, and {model.age} s old: {model.note}"
                found.append(Verdict("stuck", what))
    return found


# ── what the ages say ───────────────────────────────────────────────────────────────────────────────────────────────


def judge_ages(facts: Facts, declared: ContextMap, *, rebuilt: Collection[str]) -> Iterator[Verdict]:
    """An answer is never older than it is said to be, and none is given that is too old."""
    promised = {f"{each.name}.{model.__name__}": model for each in declared.contexts for model in each.projections}
    failing = {run.handler for run in facts.tape.runs}  # of projections, only those have runs
    known = _committed(facts)
    confirmed = _confirmed(facts.tape.ages.read)
    for each in facts.tape.ages.read:
        yield from _refused(each, freshness_of(promised[each.place.kind]))
        since = confirmed.get((each.life, each.place.kind), inf)
        is_exact = facts.tape.ages.clocks_agree or (each.whole > since and each.place.kind not in rebuilt)
        if is_exact and each.place.kind not in failing:
            yield from _younger(each, facts.documents.get(each.place, ()), known)
    for what in facts.tape.ages.wrong:
        yield Verdict("false", what)
    yield from _lacking(facts)


def _lacking(facts: Facts) -> Iterator[Verdict]:
    """What is fresh when everything is done contains everything."""
    shown = {(place.kind, path) for place, paths in facts.documents.items() for path in paths}
    for run in filter(facts.is_committed, facts.tape.runs):
        for said in run.said:
            for type, path in ((said.type, said.path), *((told, f"{said.path}!") for told in facts.told[said.type])):
                for _, model in facts.followers[type]:
                    if model in facts.tape.ages.fresh and (model, path) not in shown:
                        yield Verdict("false", f"{model} is said to be fresh in the end, and has no {path} of {run}")


def _refused(each: Aged, promised: Freshness | None) -> Iterator[Verdict]:
    if promised is not None and promised.refuse and each.ages[0] > promised.critical + INSTANT:
        what = f"a query has read {each.place.kind}, {each.ages[0]:.2f} s old"
        yield Verdict("false", f"{what}, which is not to be read beyond {promised.critical:g} s")


def _younger(each: Aged, entries: Collection[str], known: Mapping[str, float]) -> Iterator[Verdict]:
    """What was committed before the moment as of which the document is said to be complete has to be in it."""
    for entry in entries:
        committed = known.get(entry.removesuffix("!"), inf)
        if committed < each.whole - INSTANT and entry not in each.entries:
            where, late = f"{each.place.kind} {each.place.id!r}", each.whole - committed
            what = f"{min(each.ages):.2f} s old, without {entry}, which was committed {late:.2f} s before that"
            yield Verdict("false", f"{each.life} says that {where} is {what}")


def _committed(facts: Facts) -> Mapping[str, float]:
    """By the path of an event, the first moment by which it is known to be committed: a caller had the answer of the
    run that has recorded it, or somebody handled it."""
    found: defaultdict[str, float] = defaultdict(lambda: inf)
    for calls in facts.tape.calls.values():
        for call in calls:
            if call.outcome == "reply" and call.ended is not None:
                for run in facts.with_those_beside(facts.tape.numbered(call.said)):
                    for said in run.said:
                        found[said.path] = min(found[said.path], call.ended)
    for run in facts.tape.runs:
        if run.parent and run.handler not in facts.beside:
            path = run.path.removesuffix("!")
            found[path] = min(found[path], run.began)
    for each in facts.tape.ages.read:
        for entry in each.entries:
            path = entry.removesuffix("!")
            found[path] = min(found[path], each.at)
    return found


def _confirmed(aged: Collection[Aged]) -> Mapping[tuple[str, str], float]:
    """By process and model, when it is known to have seen how far its sources were. What it says of times before may
    come from the clocks of others, which may be wrong."""
    found: dict[tuple[str, str], float] = {}
    for each in aged:
        if each.whole > -inf:
            found.setdefault((each.life, each.place.kind), each.at)
    return found
