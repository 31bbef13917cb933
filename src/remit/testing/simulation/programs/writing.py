"""Writes a program as code, as a user would. The printed text is what runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from remit.testing.simulation.programs.aging import aged_query
from remit.testing.simulation.programs.bodies import INDENT, Writer, returns
from remit.testing.simulation.programs.grammar import (
    BY,
    Guard,
    Kept,
    Message,
    Program,
    Question,
    Root,
    uses,
)
from remit.testing.simulation.programs.news import declared_news
from remit.testing.simulation.programs.passing import HEADER
from remit.testing.simulation.programs.rebuilding import rebuilds
from remit.testing.simulation.programs.sourcing import from_state, paged, paging, sourced, upcaster, without_adoption
from remit.testing.simulation.programs.translations import translation
from remit.testing.simulation.scene import Scene

__all__ = ["written"]

_HEAD = '''"""{title}"""

import asyncio
import dataclasses
import datetime
import decimal
import uuid
from typing import Union

from remit import Aggregate, Claim, Claims, Clock, Command, Context, DomainEvent, Envelope, Events, Ids
from remit import IntegrationEvent
from remit.errors import CallError, ConstraintViolated
from remit import EventSourced, Later, Projection, Query, Record, Records, Refusal, Repository, Sender, Sql, Value
from remit import Row, View, field
from remit.contexts import ContextMap, Invocation
from remit.testing.simulation import Scene, run_scene
from remit.testing.simulation.programs import Ask, Question, Rebuilding, Rollout, Tape, related, workload


class No(Refusal):
    path: str


class NeverDeclared(Refusal):
    path: str
'''
_FOREIGN = """from remit.foreign import BodySignature, Fetched, Polled, Webhook
from remit.testing.simulation.programs import Posted, Source
from remit.testing.simulation.programs.foreign import Item, dated, fetched, identity, number, thing

SOURCES = [
{}
]
"""
_STREAMS = """from remit.testing.simulation.programs.sourcing import generation
"""
_AGING = """from remit import Freshness
from remit.testing.simulation.programs.aging import read
"""
_NOTED = """class Noted(Refusal):
    path: str
    run: int
"""
_SHAPES = '''class Round(Value): ...


class Square(Value):
    side: int


class Oval(Value):
    side: int


@dataclasses.dataclass
class Many:
    first: "Round | Square | Oval"
    more: "dict[str, Round | Square | Oval | None]" = dataclasses.field(default_factory=dict)


Shape = Round | Square | Oval | Many


def shape(number: int) -> Shape:
    """One for each number."""
    plain = (Round(), Square(side=number), Oval(side=number))
    if number % 4 < 3:
        return plain[number % 4]
    return Many(first=plain[number % 3], more={"none": None, "some": plain[number // 2 % 3]})
'''
_SHAPED = """    shape: Shape = Round()
    shapes: list[Shape] = field(default_factory=list[Shape])

    def turn(self) -> None:
        self.shape = shape(len(self.entries))
        self.shapes.append(self.shape)

    def is_turned(self) -> bool:
        every = [shape(number + 1) for number in range(len(self.entries))]
        return self.shapes == every and self.shape == (every[-1] if every else Round())
"""
_GRAVE = """class {}Grave(Record[str]):
    kind: str
    of: str
    at: float
    entries: list[str]
"""
_TABLES = '''INSERT = "INSERT INTO note VALUES ($1, $2, $3, $4)"
SELECT = "SELECT entry FROM note WHERE key = $1 ORDER BY run"
NOTE = """
CREATE TABLE IF NOT EXISTS note (entry text PRIMARY KEY, key text NOT NULL, run integer NOT NULL, mark text UNIQUE)
"""
TABLES = {{{}}}
'''
_NEWER = ["    if release > 1:", "        news: int = 0"]


def written(program: Program, scene: Scene, title: str = "A generated program.") -> str:
    """The program with its scene, as a module: `SCENE`, and a test that runs it."""
    if program.rollout:  # fresh answers need other contexts' logs, which return nothing without `pull`
        program = replace(program, questions=())
    if scene.trims:  # the first release has no streams, so it deletes the events of those of the second
        program = replace(program, kept=tuple(map(without_adoption, program.kept)))
    if not scene.pull or scene.trims:  # what is new begins with the first message of a log, and some are gone there
        program = _without_late(program, begins=scene.pull)
    parts = [_HEAD.format(title=title)]
    if program.sources:
        parts.append(_FOREIGN.format("\n".join(f"{INDENT}{each!r}," for each in program.sources)))
    parts += [_AGING] if any(each.promises for each in program.kept) else []
    parts += [_STREAMS] if any(each.sourced for each in program.kept) and not program.rollout else []
    parts += [_NOTED] if any(map(returns, program.handlers)) else []
    shaped = any(each.shaped for each in program.kept) or any(each.shaped for each in program.events)
    parts += (
        [_SHAPES] if shaped or any("Shape" in type for each in program.commands for _, type, _ in each.extra) else []
    )
    declared = list(_declared(program))
    parts += declared if program.rollout is None else []
    if with_tables := _with_tables(program):
        parts.append(_TABLES.format(", ".join(f'"{context}": [NOTE]' for context in with_tables)))
    parts.append("\n".join(_system(program, declared if program.rollout else ())) + "\n")
    parts.append("\n".join(["CALLS = [", *(INDENT + _root(program, each) for each in program.roots), "]"]) + "\n")
    words = "system, CALLS"
    asked = [*(_question(program, each) for each in program.questions), *paged(program)]
    if asked:
        asked = [f"{INDENT}{each}," for each in asked]
        parts.append("\n".join(["QUESTIONS = [", *asked, "]"]) + "\n")
        words += ", QUESTIONS"
    words += ", tables=TABLES" if with_tables else ""
    words += f", rebuilds=[{', '.join(rebuilds(program))}]" if program.rebuilds else ""
    words += ", sources=SOURCES" if program.sources else ""
    words += ", after=True" if program.after else ""
    words += f", halts={list(program.halts)!r}" if program.halts else ""
    words += f", rollout={program.rollout!r}" if program.rollout else ""
    parts.append(f"SCENE = {_scene(scene, words)}\n")
    parts.append("def test_program() -> None:\n    assert run_scene(SCENE).verdicts == []\n")
    return "\n\n".join(parts)


def _scene(scene: Scene, asked: str) -> str:
    words = [f"{scene.seed}"]
    words += ["pull=False"] if not scene.pull else []
    words += ["apart=True"] if scene.apart else []
    words += ["far=True"] if scene.far else []
    words += ["packed=True"] if scene.packed else []
    words += ["edges=True"] if scene.edges else []
    words += [f"faults={scene.faults!r}"] if scene.faults is not None else []
    return f"Scene({', '.join(words)}, workload=workload({asked}))"


def _without_late(program: Program, *, begins: bool) -> Program:
    """Without what only a second release has; with what begins then, where `begins` says that logs can be read."""
    return replace(
        program,
        kept=tuple(each for each in program.kept if each.since == 1),
        handlers=tuple(each for each in program.handlers if each.since == 1 or (each.begins and begins)),
    )


def _with_tables(program: Program) -> list[str]:
    """The contexts whose handlers write rows."""
    return list(dict.fromkeys(each.context for each in program.handlers if uses(each.body).rows))


def _replies(program: Program, command: Message) -> str:
    """The type of a command: what it is answered with, and refused with."""
    handled = [each for each in program.handlers if command.name in each.messages]
    refusals = ["No"] if any(each.refuses for each in handled) else []
    refusals += ["Noted"] if any(map(returns, handled)) else []
    return f"Command[{', '.join(['str', *([' | '.join(refusals)] if refusals else [])])}]"


# ── what is declared ────────────────────────────────────────────────────────────────────────────────────────────────


def _declared(program: Program) -> Iterator[str]:
    for each in program.commands:
        yield _message(each, _replies(program, each))
    named = {each.context for each in program.handlers if each.style == "base"}
    yield from (f"class {context.upper()}Event(DomainEvent): ...\n" for context in program.contexts if context in named)
    for each in program.events:
        yield from _event(each, f"{each.context.upper()}Event" if each.context in named else "DomainEvent")
    for kept in program.kept:
        if program.rollout or not (kept.fails or kept.sourced):  # a failing projection asks the tape
            yield _kept(program, kept)
    for context in dict.fromkeys(each.context for each in program.handlers if uses(each.body).removes):
        yield _GRAVE.format(context.upper())
    for name in dict.fromkeys(each.kept for each in program.questions if each.aged):
        yield f"class Aged{name}(Query[list[str]]):\n    key: str\n"
    for name in dict.fromkeys(each.kept for each in program.questions if not each.aged):
        yield f"class Seen{name}(Query[list[str]]):\n    key: str\n"
    for kept in program.kept if program.rollout is None else ():
        if kept.rows:
            yield f"class Every{kept.name}(Query[list[str]]):\n    root: str\n"


def _message(message: Message, base: str) -> str:
    options = [base, *(['key="key"'] if message.keyed else []), *(['identity="path"'] if message.identity else [])]
    lines = [f"class {message.name}({', '.join(options)}):", "    path: str", "    key: str"]
    lines[1:] = reversed(lines[1:]) if message.ahead else lines[1:]
    lines += [f"    {name}: {type}" for name, type, _ in message.extra]
    lines += ["    run: int"] if "Event" in base else []
    lines += ["    shape: Shape"] if message.shaped else []
    lines += ["    what: int = 0"] if message.identity else []
    lines += _NEWER if message.news else []
    return "\n".join(lines) + "\n"


def _event(event: Message, base: str) -> Iterator[str]:
    yield _message(event, base)
    if event.told:
        key = ", key='key'" if event.keyed else ""
        if event.rekeyed:
            key = f", key='{BY[0]}' if release > 1 else {'None' if not event.keyed else repr('key')}"
        fields = [f"    {name}: {type}" for name, type in (("path", "str"), ("key", "str"), ("run", "int"))]
        fields += [f"    {name}: {type}" for name, type, _ in event.extra]
        fields += ["    shape: Shape"] if event.shaped else []
        fields += ['    via: str = "!"'] if event.same else []
        newer = _NEWER if event.news else []
        yield "\n".join([f"class {event.told}(IntegrationEvent{key}):", *fields, *newer]) + "\n"
        if event.newer:
            head = f'class {event.told}Newer(IntegrationEvent, name="{event.told}", version=2{key}):'
            lines = ["if release > 1:", "", *(INDENT + line for line in (head, *fields, "    news: int"))]
            yield "\n".join(lines) + "\n"
            yield f"Every{event.told} = ({event.told}, {event.told}Newer) if release > 1 else ({event.told},)\n"


def _kept(program: Program, kept: Kept) -> str:
    entries = "    entries: list[str] = field(default_factory=list[str])"
    if kept.record:
        return f"class {kept.name}(Record[str]):\n{entries}\n"
    if kept.sourced:
        return sourced(program, kept)
    if not kept.folds:
        own = " | ".join(each.name for each in program.events if each.context == kept.context)
        before, more = declared_news(kept)
        claimed = kept.name in {name for each in program.handlers for name in uses(each.body).claimed}
        if claimed:
            entries += "\n    held: list[str] = field(default_factory=list[str])"
        more = more + (_SHAPED if kept.shaped else "")
        mark = f"\n\nclass {kept.name}Mark(Claim[str, {kept.name}]): ...\n" if claimed else ""
        return f"{before}class {kept.name}(Aggregate[str{', ' + own if own else ''}]):\n{entries}\n{more}{mark}"
    events = " | ".join(kept.folds)
    promised = f", freshness={kept.promises}" if kept.promises else ""
    same = any(each.same and each.told in kept.folds for each in program.events)
    via = "event.via" if len(kept.folds) == 1 else 'getattr(event, "via", "")'
    taking = [f"        self.entries.append(event.path{f' + {via}' if same else ''})"]
    before, more = declared_news(kept)
    if kept.news:
        entries += "\n    marks: list[str] = field(default_factory=list[str])\n" + more.rstrip("\n")
        taking += ['        entry = f"{event.path}#{release}"', "        self.marks.append(entry)"]
        taking += ["        self.keep(entry)"]
    if kept.fails:
        failing = f"if not tape.fixed and {kept.fails}:"
        taking = [
            f'        with tape.run("{kept.context}.{kept.name}", event):',
            f"            {failing}",
            '                raise ValueError("a bug of a projection, until somebody mends it")',
            *taking,
        ]
    return (
        f"{before}class {kept.name}(Projection[str, {events}]{promised}):\n{entries}\n\n    @staticmethod\n"
        f"    def key(event: {events}) -> str:\n        return event.key\n\n"
        f"    def evolve(self, event: {events}) -> None:\n" + "\n".join(taking) + "\n"
    )


def _system(program: Program, declared: Sequence[str]) -> Iterator[str]:
    yield f"def system(tape: Tape{', release: int' if program.rollout else ''}) -> ContextMap:"
    asking = [_kept(program, kept) for kept in program.kept if (kept.fails or kept.sourced) and program.rollout is None]
    yield from (
        [f"{INDENT}code = generation(tape)"]
        if any(each.sourced for each in program.kept) and not program.rollout
        else []
    )
    for text in (*declared, *asking):
        yield from (INDENT + line if line else line for line in text.split("\n"))
    for number, guard in enumerate(program.guards):
        yield from (f"\n{INDENT}{line}" if not at else INDENT + line for at, line in enumerate(_guard(number, guard)))
    yield from [""] if program.guards else []
    for context in program.contexts:
        guards = [f"guard{number}" for number, each in enumerate(program.guards) if each.context == context]
        around = f", interceptors=[{', '.join(guards)}]" if guards else ""
        yield f'    {context} = Context("{context}"{around})'
    for kept in program.kept:
        if kept.folds:
            yield from ["    if release > 1:"] if kept.since > 1 else []
            yield f"{INDENT * kept.since}{kept.context}.project({kept.name})"
    yield from _beside(program)
    yield from _publishers(program)
    for handler in program.handlers:
        yield ""
        yield from ["    if release > 1:", ""] if handler.since > 1 else []
        indent = INDENT * handler.since
        yield from (indent + line if line else line for line in Writer(program, handler).lines())
    for at in range(len(program.sources)):
        yield from (INDENT + line if line else line for line in translation(program, at))
    wanted = {(each.kept, each.aged) for each in program.questions}
    for kept in (each for each in program.kept if (each.name, True) in wanted):
        yield from aged_query(kept)
    for kept in (each for each in program.kept if (each.name, False) in wanted):
        yield f"\n    @{kept.context}.answer(Seen{kept.name})"
        stored = "View" if kept.folds else "Records" if kept.record else "Repository"
        asked = f"query: Seen{kept.name}, stored: {stored}[{kept.name}]"
        yield f"    async def seen_{kept.name.lower()}({asked}) -> list[str]:"
        yield "        found = await stored.find(query.key)"
        yield "        return [] if found is None else found.entries"
    yield from ["", "    tape.carries = True"] if program.headers else []
    every = (*program.contexts, *program.idle)
    yield from ["", *(f'    {context} = Context("{context}")' for context in program.idle)] if program.idle else []
    headers = f", headers=({HEADER!r},)" if program.headers else ""
    made = f'ContextMap(name="program", contexts=({", ".join(every)},){headers})'
    layered = ", layered=True" if program.layered else ""
    yield f"\n    return related({made}, {program.related}{layered})" if program.related else f"\n    return {made}"


def _beside(program: Program) -> Iterator[str]:
    """What belongs to event-sourced aggregates."""
    for kept in program.kept:
        if kept.rows:
            yield f"    {kept.context}.project({kept.name}Row)"
            yield from paging(kept) if program.rollout is None else ()
        if kept.removes:
            yield f"    {kept.context}.project({kept.name}Left)"
        if kept.held:
            yield from from_state(kept)
        if kept.upcast and program.rollout:
            yield from upcaster(kept)


def _guard(number: int, guard: Guard) -> Iterator[str]:
    """An interceptor. What it does by itself is a run of the handler too."""
    own = "tape.run(tape.name(invocation), invocation.message)"
    ways = {
        "": ["return await invocation.proceed()"],
        "answers": [f"with {own} as run:", f"{INDENT}return run.reply() if invocation.role == 'command' else None"],
        "raises": [f"with {own} as run:", f"{INDENT}raise ValueError('a bug before the handler')"],
        "spoils": ["await invocation.proceed()", "raise tape.spoiled(invocation, ValueError('a bug behind it'))"],
        "hides": ["try:", f"{INDENT}return await invocation.proceed()", "except (ValueError, ConnectionError):",
                  f"{INDENT}return tape.own(invocation).reply() if invocation.role == 'command' else None"],
    }  # fmt: skip
    yield f"async def guard{number}(invocation: Invocation) -> object:"
    if guard.how:
        yield f"{INDENT}message, tries = invocation.message, tape.before(invocation) + 1"
    yield f"{INDENT}with tape.through(guard{number}, invocation):"
    if guard.how:
        yield f'{INDENT * 2}if invocation.role in ("command", "reaction") and {guard.test}:'
        yield from (INDENT * 3 + line for line in ways[guard.how])
    yield f"{INDENT * 2}return await invocation.proceed()"


def _publishers(program: Program) -> Iterator[str]:
    for event in program.events:
        if event.told and event.same:
            yield f"\n    {event.context}.publish_as({event.name}, {event.told})"
        elif event.told:
            extra = "".join(f", {name}=event.{name}" for name, _, _ in event.extra)
            yield f"\n    @{event.context}.publish({event.name})"
            yield f"    def tell_{event.name.lower()}(event: {event.name}) -> {event.told}:"
            extra += ", shape=event.shape" if event.shaped else ""
            fields = f'path=event.path + "!", key=event.key, run=event.run{extra}'
            more = ', **({"news": event.news} if release > 1 else {})' if event.news else ""
            yield f"        return {event.told}({fields}{more})"
            if event.newer:
                yield from ("    if release > 1:", "", f"        @{event.context}.publish({event.name})")
                yield f"        def tell_newer_{event.name.lower()}(event: {event.name}) -> {event.told}Newer:"
                yield f"            return {event.told}Newer({fields}, news=event.run)"


def _root(program: Program, root: Root) -> str:
    command = next(each for each in program.commands if each.name == root.command)
    extra = "".join(f", {name}={value}" for name, _, value in command.extra)
    made = f"{root.command}(path=path, key={root.key!r}{extra})"
    made = f"lambda path, of: of.{made}" if program.rollout else f"lambda path: {made}"
    words = [repr(root.path), made, f"at={root.at}"]
    words += [f"key={root.wish!r}"] if root.wish is not None else []
    words += [f"deadline={root.deadline}"] if root.deadline != 10.0 else []
    words += [f"tries={root.tries}"] if root.tries != 6 else []
    words += [f"copies={root.copies}"] if root.copies != 1 else []
    words += ["anew=True"] if root.anew else []
    return f"Ask({', '.join(words)}),"


def _question(program: Program, each: Question) -> str:
    (context,) = (kept.context for kept in program.kept if kept.name == each.kept)
    name, more = (f"Aged{each.kept}", ", aged=True") if each.aged else (f"Seen{each.kept}", "")
    return f'Question("{context}.{each.kept}", {each.key!r}, {name}(key={each.key!r}), at={each.at}{more})'
