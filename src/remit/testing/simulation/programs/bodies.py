"""One handler of a program as the code that a user would write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from remit.testing.simulation.programs.grammar import (
    Add,
    Branch,
    Change,
    Fail,
    Gather,
    Handler,
    Insert,
    Later,
    Look,
    Message,
    Program,
    Publish,
    Put,
    Refuse,
    Select,
    Send,
    Statement,
    Swallow,
    Take,
    Wait,
    inner,
    uses,
)

__all__ = ["INDENT", "Writer", "returns"]

INDENT = "    "
PAGE = 100
"""Records of a list: more than a program makes."""


def returns(handler: Handler) -> bool:
    """Whether a handler returns refusals."""
    return handler.refuses and any(isinstance(each, Refuse) and each.returned for each in inner(handler.body))


class Writer:
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
        handler = self._handler
        newer = [each.told for each in self._program.events if each.newer]
        known = [f"*Every{name}" if name in newer else name for name in handler.messages]
        known = [f"{handler.context.upper()}Event"] if handler.style == "base" else known
        type = f"Union[{', '.join(known)}]" if set(known) & {f"*Every{name}" for name in newer} else " | ".join(known)
        if handler.style == "policy":
            yield from self._policy(known, type)
            return
        verb = "handle" if handler.role == "command" else "react"
        beside = ", together=True" if handler.role == "together" else ""
        begins = ', begins="now"' if handler.begins else ""
        yield f"@{handler.context}.{verb}({', '.join(known)}{beside}{begins})"
        reply = "str" if handler.role == "command" else "None"
        reply += " | Noted" if returns(handler) else ""
        asked = "".join(f", {name}: {type}" for name, type in self._asks())
        yield f"async def {handler.name}(message: {type}{asked}) -> {reply}:"
        yield from (INDENT + line for line in self._body())

    def _policy(self, known: Sequence[str], type: str) -> Iterator[str]:
        """A class, whose methods do the same for each of the events."""
        handler, asked = self._handler, list(self._asks())
        yield f"@{handler.context}.policy"
        yield "@dataclasses.dataclass"
        yield f"class {handler.name}:"
        yield from (f"{INDENT}{name}: {type}" for name, type in asked)
        for each in known:
            yield ""
            yield f"{INDENT}@{handler.context}.react({each})"
            yield f"{INDENT}async def on_{each.strip('*').lower()}(self, message: {each}) -> None:"
            yield f"{INDENT * 2}await self.do(message)"
        yield ""
        yield f"{INDENT}async def do(self, message: {type}) -> None:"
        yield from (f"{INDENT * 2}{name} = self.{name}" for name, _ in asked)
        yield from (INDENT * 2 + line for line in self._body())

    def _body(self) -> Iterator[str]:
        handler, release = self._handler, ", release" if self._program.rollout else ""
        yield f'with tape.run("{handler.context}.{handler.name}", message{release}) as run:'
        body = [*self._received(), *(line for each in handler.body for line in self._statement(each))]
        body += ["return run.reply()"] if handler.role == "command" else []
        yield from (INDENT + line for line in body or ["pass"])

    def _asks(self) -> Iterator[tuple[str, str]]:
        used = uses(self._handler.body)
        records = {each.name for each in self._program.kept if each.record}
        for kept in used.kept:
            yield f"{kept.lower()}s", f"{'Records' if kept in records else 'Repository'}[{kept}]"
        if used.sent:
            yield "sender", "Sender"
        if used.rows:
            yield "sql", "Sql"
        yield from ((f"{kept.lower()}marks", f"Claims[{kept}Mark]") for kept in used.claimed)
        if used.published:
            yield "events", f"Events[{' | '.join(dict.fromkeys(map(self._published, used.published)))}]"
        if used.removes:
            yield "graves", f"Records[{self._handler.context.upper()}Grave]"
        if self._handler.enveloped:
            yield "envelope", "Envelope"
        if self._handler.draws:
            yield self._handler.draws.partition(".")[0], self._handler.draws.partition(".")[0].capitalize()
        yield from ((f"later_{command.lower()}", f"Later[{command}]") for command in used.later)

    def _received(self) -> Iterator[str]:
        guards = [number for number, each in enumerate(self._program.guards) if each.context == self._handler.context]
        if guards:
            yield f"run.came_through({', '.join(f'guard{number}' for number in guards)})"
        if self._handler.enveloped:
            yield "run.enveloped(envelope.id, envelope.time)"
        if self._handler.role == "together":
            return
        if not self._handler.prompt:
            yield "await tape.blow(run)"
        if self._handler.draws:
            yield f"drawn = {self._handler.draws}"
        if any(each.news or each.newer for each in self._program.events) and self._handler.role == "reaction":
            yield "run.told(message)"
        told = {each.told: each for each in self._program.events if each.told}
        if all((self._messages.get(name) or told[name]).shaped for name in self._handler.messages):
            yield "run.same(shape(message.run), message.shape)"
        for name in self._handler.messages[:1] if len(self._handler.messages) == 1 else ():
            for field, _, value in self._messages[name].extra if name in self._messages else ():
                yield f"run.same({value}, message.{field})"

    def _statement(self, statement: Statement) -> list[str]:
        self._step += 1
        write: Any = getattr(self, f"_{type(statement).__name__.lower()}")
        lines: list[str] = write(f"{self._step}", statement)
        return lines

    def _block(self, body: tuple[Statement, ...]) -> list[str]:
        return [INDENT + line for each in body for line in self._statement(each)] or [f"{INDENT}pass"]

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
        return [found, f"if {self._seen} is not None:", *(INDENT + line for line in (*lines[1:], *buried))]

    def _put(self, step: str, each: Put) -> list[str]:
        self._seen, records = f"seen{step}", f"{each.kept.lower()}s"
        if each.how == "page":
            self._seen = ""
            return [f'run.listed("{each.kept}", await {records}.page(limit={PAGE}), {PAGE})']
        found = f"{self._seen} = run.seen(await {records}.find({each.key}))"
        made = f'run.written({each.kept}, {self._seen}, {each.key}, "{step}")'
        if each.how == "first":
            noted = [f"if {self._seen} is None:", f"{INDENT}run.found_nothing({each.kept}, {each.key})"]
            return [found, *noted, f"await {records}.put({made})"]
        if each.how == "put":
            return [found, f"{self._seen} = {made}", f"await {records}.put({self._seen})"]
        grave = f"{self._handler.context.upper()}Grave"
        buried = [f"await graves.put({grave}(**run.buried({made})))", f"await {records}.delete({each.key})"]
        return [found, f"if {self._seen} is not None:", *(INDENT + line for line in buried)]

    def _published(self, each: Publish) -> str:
        """The event that is published."""
        return self._messages[each.event].told if each.public and self._messages[each.event].told else each.event

    def _publish(self, step: str, each: Publish) -> list[str]:
        event, name = self._messages[each.event], self._published(each)
        fields = f'path=run.at("{step}"), key={each.key}, run=run.number{self._extra(event)}'
        fields += ', via=""' if event.same and name == event.told else ""
        key = "" if event.keyed else f", key={each.key}"
        return [f"events.publish(run.noted({name}({fields})){key})"]

    def _take(self, step: str, each: Take) -> list[str]:
        self._seen, marks = f"seen{step}", f"{each.kept.lower()}marks"
        if each.how == "find":
            return [f"{self._seen} = run.holding(await {marks}.find({each.value}), {each.value})"]
        lines = self._change(step, Change(each.kept, each.key))
        if each.how == "give up":
            lines.append(f"await {marks}.give_up({each.value}, by={self._seen})")
            return [*lines, f"run.gave_up({self._seen}, {each.value})"]
        refusal = "No" if self._handler.refuses else "NeverDeclared"
        claim = f"await {marks}.take({each.value}, by={self._seen}, otherwise={refusal}(path=message.path))"
        took = [claim, f"run.took({self._seen}, {each.value})"]
        if self._handler.role == "command":
            return [*lines, f"run.wants({self._seen}, {each.value})", *took]
        return [*lines, f"if await {marks}.find({each.value}) is None:", *(INDENT + line for line in took)]

    @staticmethod
    def _extra(message: Message) -> str:
        extra = "".join(f", {name}={value}" for name, _, value in message.extra)
        return f"{extra}, shape=shape(run.number)" if message.shaped else extra

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
            lines = ["try:", INDENT + lines[0], "except (CallError, Refusal):", f"{INDENT}pass"]
        if each.times > 1:
            lines = [f"for turn in range({each.times}):", *(INDENT + line for line in lines)]
        return lines

    def _varying(self, each: Send) -> str:
        return each.varies if self._seen or "seen" not in each.varies else "run.tries"

    def _later(self, step: str, each: Later) -> list[str]:
        command = self._messages[each.command]
        path = "again" if each.again else step
        fields = f'path=run.at("{path}"), key={each.key}{self._extra(command)}'
        line = f"later_{each.command.lower()}.send(run.noted({each.command}({fields})))"
        return [line] if each.times == 1 else [f"for _ in range({each.times}):", INDENT + line]

    def _add(self, step: str, each: Add) -> list[str]:
        self._seen, repository = f"seen{step}", f"{each.kept.lower()}s"
        made, changed = f"{self._seen} = {each.kept}(id={each.key})", f'run.change({self._seen}, "{step}")'
        added = f"{repository}.add({self._seen})"
        if not each.absent:
            return [made, changed, added]
        begun = [f"run.found_nothing({each.kept}, {each.key})", made, added]
        found = f"{self._seen} = run.seen(await {repository}.find({each.key}))"
        return [found, f"if {self._seen} is None:", *(INDENT + line for line in begun), changed]

    def _insert(self, step: str, each: Insert) -> list[str]:
        mark = f", {each.mark}" if each.mark else ""
        line = f'await run.execute(sql, INSERT, *run.row("{step}", {each.key}{mark}))'
        if not each.catch:
            return [line]
        says_no = each.catch == "refuse" and self._handler.refuses
        then = "raise No(path=message.path) from None" if says_no else "pass"
        return ["try:", INDENT + line, "except ConstraintViolated:", INDENT + then]

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
            calls = [f"{INDENT}group.create_task({name}())" for name in names]
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
            return [f"if {self._test(each.test)}:", f"{INDENT}return Noted(path=message.path, run=run.number)"]
        name = "No" if each.declared and self._handler.refuses else "NeverDeclared"
        return [f"if {self._test(each.test)}:", f"{INDENT}raise {name}(path=message.path)"]

    def _fail(self, _: str, each: Fail) -> list[str]:
        return [f"if {self._test(each.test)}:", f"{INDENT}raise {each.error}"]

    def _swallow(self, _: str, each: Swallow) -> list[str]:
        wait = f"{INDENT}await asyncio.sleep({each.seconds})"
        return ["try:", wait, "except asyncio.CancelledError:", f"{INDENT}pass"]
