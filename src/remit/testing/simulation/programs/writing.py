"""A program as the code that a user would write. What is printed is what runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from remit.testing.simulation.programs.grammar import (
    BY,
    Add,
    Branch,
    Change,
    Fail,
    Gather,
    Handler,
    Insert,
    Kept,
    Later,
    Look,
    Message,
    Program,
    Question,
    Refuse,
    Root,
    Select,
    Send,
    Statement,
    Swallow,
    Wait,
    inner,
    uses,
)
from remit.testing.simulation.programs.news import declared_news
from remit.testing.simulation.scene import Scene

__all__ = ["written"]

_HEAD = '''"""{title}"""

import asyncio
import dataclasses
import datetime
import decimal
import uuid
from typing import Union

from remit import Aggregate, Clock, Command, Context, DomainEvent, Ids, IntegrationEvent
from remit.errors import CallError, ConstraintViolated
from remit import Later, Projection, Query, Record, Records, Refusal, Repository, Sender, Sql, Value, View, field
from remit.contexts import ContextMap
from remit.testing.simulation import Scene, run_scene
from remit.testing.simulation.programs import Ask, Question, Rollout, Tape, workload


class No(Refusal):
    path: str


class NeverDeclared(Refusal):
    path: str
'''
_NOTED = """class Noted(Refusal):
    path: str
    run: int
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
_INDENT = "    "
_NEWER = ["    if release > 1:", "        news: int = 0"]


def written(program: Program, scene: Scene, title: str = "A generated program.") -> str:
    """The program with its scene, as a module: `SCENE`, and a test that runs it."""
    if program.rollout:  # what is owed is asked of the logs of others, which say nothing then
        program = replace(program, questions=())
    if not scene.pull or scene.trims:  # what is new begins with the first message of a log, and some are gone there
        program = _without_late(program)
    parts = [_HEAD.format(title=title)]
    parts += [_NOTED] if any(map(_returns, program.handlers)) else []
    declared = list(_declared(program))
    parts += declared if program.rollout is None else []
    if with_tables := _with_tables(program):
        parts.append(_TABLES.format(", ".join(f'"{context}": [NOTE]' for context in with_tables)))
    parts.append("\n".join(_system(program, declared if program.rollout else ())) + "\n")
    parts.append("\n".join(["CALLS = [", *(_INDENT + _root(program, each) for each in program.roots), "]"]) + "\n")
    words = "system, CALLS"
    if program.questions:
        asked = [f"{_INDENT}{_question(program, each)}," for each in program.questions]
        parts.append("\n".join(["QUESTIONS = [", *asked, "]"]) + "\n")
        words += ", QUESTIONS"
    words += ", tables=TABLES" if with_tables else ""
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
    words += [f"faults={scene.faults!r}"] if scene.faults is not None else []
    return f"Scene({', '.join(words)}, workload=workload({asked}))"


def _without_late(program: Program) -> Program:
    return replace(
        program,
        kept=tuple(each for each in program.kept if each.since == 1),
        handlers=tuple(each for each in program.handlers if each.since == 1),
    )


def _with_tables(program: Program) -> list[str]:
    """The contexts whose handlers write rows."""
    return list(dict.fromkeys(each.context for each in program.handlers if uses(each.body).rows))


def _replies(program: Program, command: Message) -> str:
    """The type of a command: what it is answered with, and refused with."""
    handled = [each for each in program.handlers if command.name in each.messages]
    refusals = ["No"] if any(each.refuses for each in handled) else []
    refusals += ["Noted"] if any(map(_returns, handled)) else []
    return f"Command[{', '.join(['str', *([' | '.join(refusals)] if refusals else [])])}]"


def _returns(handler: Handler) -> bool:
    """Whether a handler returns refusals."""
    return handler.refuses and any(isinstance(each, Refuse) and each.returned for each in inner(handler.body))


# ── what is declared ────────────────────────────────────────────────────────────────────────────────────────────────


def _declared(program: Program) -> Iterator[str]:
    for each in program.commands:
        yield _message(each, _replies(program, each))
    for each in program.events:
        yield from _event(each)
    for kept in program.kept:
        if program.rollout or not kept.fails:  # which asks the tape
            yield _kept(program, kept)
    for context in dict.fromkeys(each.context for each in program.handlers if uses(each.body).removes):
        yield _GRAVE.format(context.upper())
    for name in dict.fromkeys(each.kept for each in program.questions):
        yield f"class Seen{name}(Query[list[str]]):\n    key: str\n"


def _message(message: Message, base: str) -> str:
    options = [base, *(['key="key"'] if message.keyed else []), *(['identity="path"'] if message.identity else [])]
    lines = [f"class {message.name}({', '.join(options)}):", "    path: str", "    key: str"]
    lines[1:] = reversed(lines[1:]) if message.ahead else lines[1:]
    lines += [f"    {name}: {type}" for name, type, _ in message.extra]
    lines += ["    run: int"] if "Event" in base else []
    lines += ["    what: int = 0"] if message.identity else []
    lines += _NEWER if message.news else []
    return "\n".join(lines) + "\n"


def _event(event: Message) -> Iterator[str]:
    yield _message(event, "DomainEvent")
    if event.told:
        key = ", key='key'" if event.keyed else ""
        if event.rekeyed:
            key = f", key='{BY[0]}' if release > 1 else {'None' if not event.keyed else repr('key')}"
        fields = [f"    {name}: {type}" for name, type in (("path", "str"), ("key", "str"), ("run", "int"))]
        fields += [f"    {name}: {type}" for name, type, _ in event.extra]
        newer = _NEWER if event.news else []
        yield "\n".join([f"class {event.told}(IntegrationEvent{key}):", *fields, *newer]) + "\n"
        if event.newer:
            head = f'class {event.told}Newer(IntegrationEvent, name="{event.told}", version=2{key}):'
            lines = ["if release > 1:", "", *(_INDENT + line for line in (head, *fields, "    news: int"))]
            yield "\n".join(lines) + "\n"
            yield f"Every{event.told} = ({event.told}, {event.told}Newer) if release > 1 else ({event.told},)\n"


def _kept(program: Program, kept: Kept) -> str:
    entries = "    entries: list[str] = field(default_factory=list[str])"
    if not kept.folds:
        own = " | ".join(each.name for each in program.events if each.context == kept.context)
        before, more = declared_news(kept)
        return f"{before}class {kept.name}(Aggregate[str{', ' + own if own else ''}]):\n{entries}\n{more}"
    events = " | ".join(kept.folds)
    taking = ["        self.entries.append(event.path)"]
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
        f"{before}class {kept.name}(Projection[str, {events}]):\n{entries}\n\n    @staticmethod\n"
        f"    def key(event: {events}) -> str:\n        return event.key\n\n"
        f"    def evolve(self, event: {events}) -> None:\n" + "\n".join(taking) + "\n"
    )


def _system(program: Program, declared: Sequence[str]) -> Iterator[str]:
    yield f"def system(tape: Tape{', release: int' if program.rollout else ''}) -> ContextMap:"
    asking = [_kept(program, kept) for kept in program.kept if kept.fails and program.rollout is None]
    for text in (*declared, *asking):
        yield from (_INDENT + line if line else line for line in text.split("\n"))
    for context in program.contexts:
        yield f'    {context} = Context("{context}")'
    for kept in program.kept:
        if kept.folds:
            yield from ["    if release > 1:"] if kept.since > 1 else []
            yield f"{_INDENT * kept.since}{kept.context}.project({kept.name})"
    yield from _publishers(program)
    for handler in program.handlers:
        yield ""
        yield from ["    if release > 1:", ""] if handler.since > 1 else []
        indent = _INDENT * handler.since
        yield from (indent + line if line else line for line in _Writer(program, handler).lines())
    for kept in (each for each in program.kept if any(each.name == one.kept for one in program.questions)):
        yield f"\n    @{kept.context}.answer(Seen{kept.name})"
        asked = f"query: Seen{kept.name}, stored: {'View' if kept.folds else 'Repository'}[{kept.name}]"
        yield f"    async def seen_{kept.name.lower()}({asked}) -> list[str]:"
        yield "        found = await stored.find(query.key)"
        yield "        return [] if found is None else found.entries"
    yield f'\n    return ContextMap(name="program", contexts=({", ".join(program.contexts)},))'


def _publishers(program: Program) -> Iterator[str]:
    for event in program.events:
        if event.told:
            extra = "".join(f", {name}=event.{name}" for name, _, _ in event.extra)
            yield f"\n    @{event.context}.publish({event.name})"
            yield f"    def tell_{event.name.lower()}(event: {event.name}) -> {event.told}:"
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
    return f'Question("{context}.{each.kept}", {each.key!r}, Seen{each.kept}(key={each.key!r}), at={each.at})'


# ── handlers ────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Writer:
    """Writes one handler. Each statement has a number, which is part of the path of what it does."""

    def __init__(self, program: Program, handler: Handler) -> None:
        self._program = program
        self._handler = handler
        self._step = 0
        self._within = 0
        """How many branches of a gather a statement stands in."""
        self._seen = ""
        """What was looked at last."""
        self._messages = {each.name: each for each in (*program.commands, *program.events)}

    def lines(self) -> Iterator[str]:
        handler, name = self._handler, f"{self._handler.context}.{self._handler.name}"
        verb = "handle" if handler.role == "command" else "react"
        beside = ", together=True" if handler.role == "together" else ""
        newer = [each.told for each in self._program.events if each.newer]
        known = [f"*Every{name}" if name in newer else name for name in handler.messages]
        yield f"@{handler.context}.{verb}({', '.join(known)}{beside})"
        reply = "str" if handler.role == "command" else "None"
        reply += " | Noted" if _returns(handler) else ""
        asked = "".join(f", {name}: {type}" for name, type in self._asks())
        type = f"Union[{', '.join(known)}]" if set(known) - set(handler.messages) else " | ".join(handler.messages)
        yield f"async def {handler.name}(message: {type}{asked}) -> {reply}:"
        release = ", release" if self._program.rollout else ""
        yield f'    with tape.run("{name}", message{release}) as run:'
        body = [*self._received(), *(line for each in handler.body for line in self._statement(each))]
        body += ["return run.reply()"] if handler.role == "command" else []
        yield from (2 * _INDENT + line for line in body or ["pass"])

    def _asks(self) -> Iterator[tuple[str, str]]:
        used = uses(self._handler.body)
        yield from ((f"{kept.lower()}s", f"Repository[{kept}]") for kept in used.kept)
        if used.sent:
            yield "sender", "Sender"
        if used.rows:
            yield "sql", "Sql"
        if used.removes:
            yield "graves", f"Records[{self._handler.context.upper()}Grave]"
        if self._handler.draws:
            yield self._handler.draws.partition(".")[0], self._handler.draws.partition(".")[0].capitalize()
        yield from ((f"later_{command.lower()}", f"Later[{command}]") for command in used.later)

    def _received(self) -> Iterator[str]:
        if self._handler.role == "together":
            return
        if not self._handler.prompt:
            yield "await tape.blow(run)"
        if self._handler.draws:
            yield f"drawn = {self._handler.draws}"
        if any(each.news or each.newer for each in self._program.events) and self._handler.role == "reaction":
            yield "run.told(message)"
        for name in self._handler.messages[:1] if len(self._handler.messages) == 1 else ():
            for field, _, value in self._messages[name].extra if name in self._messages else ():
                yield f"run.same({value}, message.{field})"

    def _statement(self, statement: Statement) -> list[str]:
        self._step += 1
        write: Any = getattr(self, f"_{type(statement).__name__.lower()}")
        lines: list[str] = write(f"{self._step}", statement)
        return lines

    def _block(self, body: tuple[Statement, ...]) -> list[str]:
        return [_INDENT + line for each in body for line in self._statement(each)] or [f"{_INDENT}pass"]

    def _look(self, step: str, each: Look) -> list[str]:
        self._seen = f"seen{step}"
        found = f"{each.kept.lower()}s.find({each.key})"
        if each.get:
            found = f'run.got("{each.kept}", {each.key}, {each.kept.lower()}s.get({each.key}))'
        return [f"{self._seen} = run.seen(await {found})"]

    def _change(self, step: str, each: Change) -> list[str]:
        self._seen = f"seen{step}"
        lines = [f"{self._seen} = run.seen(await {each.kept.lower()}s.obtain({each.key}))"]
        lines.append(f'run.change({self._seen}, "{step}")')
        for number, name in enumerate(each.events):
            event = self._messages[name]
            key = each.event_key if event.keyed else f"{self._seen}.id"
            turn = each.events.index(name) if each.equal else number
            key = key.replace("NUMBER", f"{number}")
            fields = f'path=run.at("{step}", {turn}), key={key}, run=run.number{self._extra(event)}'
            fields += ", **run.newly()" if event.news else ""
            lines.append(f"{self._seen}.record(run.noted({name}({fields})))")
        return self._removed(each, lines) if each.remove else lines

    def _removed(self, each: Change, lines: list[str]) -> list[str]:
        """The same with what is there, which is buried: what it has been is kept as a record."""
        repository, grave = f"{each.kept.lower()}s", f"{self._handler.context.upper()}Grave"
        buried = [f"await graves.put({grave}(**run.buried({self._seen})))", f"{repository}.remove({self._seen})"]
        found = lines[0].replace(f"{repository}.obtain(", f"{repository}.find(")
        return [found, f"if {self._seen} is not None:", *(_INDENT + line for line in (*lines[1:], *buried))]

    @staticmethod
    def _extra(message: Message) -> str:
        return "".join(f", {name}={value}" for name, _, value in message.extra)

    def _send(self, step: str, each: Send) -> list[str]:
        command = self._messages[each.command]
        path = f'run.at("{step}")' if each.times == 1 or each.equal else f'run.at("{step}", turn)'
        path = f'run.shared("{each.command}")' if each.shared else 'run.at("again")' if each.again else path
        path = f'run.alike("{each.command}")' if each.alike else path
        key = "message.key" if each.shared or each.alike else "drawn" if self._handler.draws else each.key
        what = f", what={self._varying(each)}" if each.varies and command.identity else ""
        made = f"{each.command}(path={path}, key={key}{self._extra(command)}{what})"
        made = f"{made[:-1]}, **run.newly())" if command.news and command.identity else made
        more = f", deadline={each.deadline}" if each.deadline else ""
        more += ', key=f"once {message.key}"[:100]' if each.shared else ""
        verb = "attempt" if each.catch == "refusal" else "call"
        lines = [f"await run.{verb}(sender, {made}{more})"]
        if each.catch == "all":
            lines = ["try:", _INDENT + lines[0], "except (CallError, Refusal):", f"{_INDENT}pass"]
        if each.times > 1:
            lines = [f"for turn in range({each.times}):", *(_INDENT + line for line in lines)]
        return lines

    def _varying(self, each: Send) -> str:
        return each.varies if self._seen or "seen" not in each.varies else "run.tries"

    def _later(self, step: str, each: Later) -> list[str]:
        command = self._messages[each.command]
        path = "again" if each.again else step
        fields = f'path=run.at("{path}"), key={each.key}{self._extra(command)}'
        line = f"later_{each.command.lower()}.send(run.noted({each.command}({fields})))"
        return [line] if each.times == 1 else [f"for _ in range({each.times}):", _INDENT + line]

    def _add(self, step: str, each: Add) -> list[str]:
        self._seen = f"seen{step}"
        return [
            f"{self._seen} = {each.kept}(id={each.key})",
            f'run.change({self._seen}, "{step}")',
            f"{each.kept.lower()}s.add({self._seen})",
        ]

    def _insert(self, step: str, each: Insert) -> list[str]:
        mark = f", {each.mark}" if each.mark else ""
        line = f'await run.execute(sql, INSERT, *run.row("{step}", {each.key}{mark}))'
        if not each.catch:
            return [line]
        says_no = each.catch == "refuse" and self._handler.refuses
        then = "raise No(path=message.path) from None" if says_no else "pass"
        return ["try:", _INDENT + line, "except ConstraintViolated:", _INDENT + then]

    @staticmethod
    def _select(_: str, each: Select) -> list[str]:
        return [f"await run.rows(sql, SELECT, {each.key})"]

    def _wait(self, _: str, each: Wait) -> list[str]:
        if each.meet:
            return [f"await tape.meet({each.seconds})"]
        return [f"await asyncio.sleep({each.seconds})"]

    def _gather(self, step: str, each: Gather) -> list[str]:
        lines: list[str] = []
        names = [f"branch{step}{letter}" for letter, _ in zip("abcdef", each.branches, strict=False)]
        for name, body in zip(names, each.branches, strict=True):
            seen = self._seen
            self._within += 1
            lines += [f"async def {name}() -> None:", *self._block(body)]
            self._within -= 1
            self._seen = seen
        if each.how == "group":
            calls = [f"{_INDENT}group.create_task({name}())" for name in names]
            return [*lines, "async with asyncio.TaskGroup() as group:", *calls]
        returned = ", return_exceptions=True" if each.how == "returned" else ""
        return [*lines, f"await asyncio.gather({', '.join(f'{name}()' for name in names)}{returned})"]

    def _test(self, test: str) -> str:
        """What is asked of something seen is asked of what was seen last; of the message where nothing was."""
        if "SEEN" not in test:
            return test
        return test.replace("SEEN", self._seen) if self._seen else "len(message.path) % 2"

    def _branch(self, _: str, each: Branch) -> list[str]:
        lines, seen = [f"if {self._test(each.test)}:"], self._seen
        lines += self._block(each.then)
        self._seen = seen
        lines += ["else:", *self._block(each.otherwise)] if each.otherwise else []
        self._seen = seen
        return lines

    def _refuse(self, _: str, each: Refuse) -> list[str]:
        if each.returned and self._handler.refuses and not self._within:
            return [f"if {self._test(each.test)}:", f"{_INDENT}return Noted(path=message.path, run=run.number)"]
        name = "No" if each.declared and self._handler.refuses else "NeverDeclared"
        return [f"if {self._test(each.test)}:", f"{_INDENT}raise {name}(path=message.path)"]

    def _fail(self, _: str, each: Fail) -> list[str]:
        return [f"if {self._test(each.test)}:", f"{_INDENT}raise {each.error}"]

    def _swallow(self, _: str, each: Swallow) -> list[str]:
        wait = f"{_INDENT}await asyncio.sleep({each.seconds})"
        return ["try:", wait, "except asyncio.CancelledError:", f"{_INDENT}pass"]
