"""Generates a program from a seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import TypeVar

from remit.testing.simulation.programs.drills import FURTHER_DRILLS, HOSTILE, QUESTIONS, drilled
from remit.testing.simulation.programs.grammar import (
    MADE,
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
    Refuse,
    Rollout,
    Root,
    Select,
    Send,
    Statement,
    Swallow,
    Wait,
    inner,
    uses,
)
from remit.testing.simulation.programs.news import PLACES
from remit.testing.simulation.programs.oddities import ODDITIES
from remit.testing.simulation.programs.seldom import SELDOM

__all__ = ["generate"]

T = TypeVar("T")

MOST = 14
"""The most runs of handlers that one call from outside may lead to."""

DRILLED = 0.5
"""The share of programs that are drills for rare combinations."""
ASKED = 0.05
"""The share of those that ask fresh queries."""
FURTHER = 0.12
"""The share of programs with drills that were added later; all other seeds keep their programs."""
ODD = 0.08
"""The share of programs about what callers are told, and about what a handler may not do."""
RARE = 0.15
"""The share of programs about rare things: equal messages, many parked keys, queries meanwhile."""

_KEYS = ("k0", "k1", "k0", "k1", "k2")
_KEY_EXPRESSIONS = (
    *(6 * ("message.key",)), '"k0"', '"k1"', 'f"{message.key[:40]}-x"', "message.key[:1]",
)  # fmt: skip
_TESTS = (
    "run.count(SEEN) % 2", "run.count(SEEN) > 1", "run.answered % 2", 'message.key == "k0"', "len(message.path) % 2",
    "run.count(SEEN) == 0",
)  # fmt: skip
_ROW_KEYS = ('"k0"', "ascii(message.key)", "ascii(message.key)")
_MARKS = (
    "ascii(message.key)",
    'f"{ascii(message.key)} {run.tries}"',
    'f"{ascii(message.key)} {run.tries}"',
    "message.path",
)
_DRAWS = ("ids.new()", "clock.now().isoformat()")
_EXTRAS = (
    ("int", "2**53 + 1"),
    ("float", "0.1"),
    ("bool", "True"),
    ("decimal.Decimal", 'decimal.Decimal("1.10")'),
    ("datetime.datetime", "datetime.datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=datetime.timezone.utc)"),
    ("datetime.date", "datetime.date(2024, 2, 29)"),
    ("datetime.timedelta", "datetime.timedelta(days=1, microseconds=1)"),
    ("uuid.UUID", "uuid.UUID(int=7)"),
    ("bytes", 'b"\\x00\\xff"'),
    ("frozenset[str]", 'frozenset({"red", "green", "blue", "black", "white"})'),
    ("dict[str, int]", '{"b": 1, "a": 2}'),
    ("tuple[int, str]", '(1, "two")'),
    ("str | None", "None"),
    ("list[str]", '["", "\\u2028", "\\U0001f600"]'),
    ("str", '"x" * 100_000'),
    ("dict[int, str]", '{2: "b", 1: "a"}'),
)
_FAILS = (
    ("not tape.fixed", 'ValueError("a bug, until somebody mends it")'),
    ("run.tries < 3", 'ConnectionError("away, twice")'),
    ("run.tries < 2", 'ValueError("a bug, once")'),
    ('message.key == "k1"', 'ValueError("a bug, for one key")'),
    ("not tape.fixed", 'CallError("a library of the user\'s")'),
    ("run.tries < 2", 'asyncio.CancelledError("nobody has asked for it")'),
    ("run.tries < 2", 'TimeoutError("of its own")'),
    ("run.tries < 2", 'BaseException("a panic")'),
)


def generate(seed: int) -> Program:
    """The program of a seed."""
    seldom = Random(f"seldom {seed}")  # noqa: S311  # repeatable randomness, no secret
    if seldom.random() < RARE:
        return drilled(seldom, SELDOM)
    odd = Random(f"odd {seed}")  # noqa: S311  # as above
    if odd.random() < ODD:
        return drilled(odd, ODDITIES)
    further = Random(f"further {seed}")  # noqa: S311  # as above
    if further.random() < FURTHER:
        return drilled(further, FURTHER_DRILLS)
    chance = Random(f"drill {seed}")  # noqa: S311  # as above
    share = chance.random()
    if share < DRILLED:
        return drilled(chance)
    if share < DRILLED + ASKED:
        return drilled(chance, QUESTIONS)
    program = _Generator(Random(f"program {seed}")).program()  # noqa: S311  the same
    program = _with_meeting(Random(f"meeting {seed}"), program)  # noqa: S311  the same
    program = _with_draws(Random(f"draws {seed}"), program)  # noqa: S311  the same
    program = _with_rows(Random(f"rows {seed}"), program)  # noqa: S311  the same
    return _with_rollout(Random(f"rollout {seed}"), program)  # noqa: S311  the same


def _with_meeting(random: Random, program: Program) -> Program:
    """In some programs two handlers of different contexts send the same command under the same key."""
    commands = {handler.messages[0]: handler for handler in program.handlers if handler.role == "command"}
    wished = [name for name in commands if all(root.command != name for root in program.roots)]
    if not wished or random.random() > 0.2:
        return program
    command = random.choice(wished)
    sides = {
        handler.context: handler
        for name, handler in commands.items()
        if name != command and handler not in _come_of(program, command)
    }
    wish = Send(command, "message.key", shared=True)
    met = {each: replace(each, body=(*each.body, wish)) for each in list(sides.values())[:2]} if len(sides) > 1 else {}
    return replace(
        program,
        handlers=tuple(met.get(each, each) for each in program.handlers),
        roots=tuple(replace(each, key="k0") for each in program.roots) if met else program.roots,
    )


def _come_of(program: Program, command: str) -> set[Handler]:
    """All handlers that a command leads to, including its own."""
    told = {event.told: event.name for event in program.events if event.told}
    found: set[Handler] = set()
    names = {command}
    while new := [each for each in program.handlers if each not in found and names & set(each.messages)]:
        found.update(new)
        for used in (uses(each.body) for each in new):
            names |= {*used.sent, *used.later, *used.recorded}
        names |= {public for public, event in told.items() if event in names}
    return found


def _with_draws(random: Random, program: Program) -> Program:
    """Some handlers that make calls pass on a value that they were given: an identity, or the time."""
    return replace(
        program,
        handlers=tuple(
            replace(each, draws=random.choice(_DRAWS)) if random.random() < 0.2 and uses(each.body).sent else each
            for each in program.handlers
        ),
    )


def _with_rows(random: Random, program: Program) -> Program:
    """In some programs handlers write and read rows of their own tables."""
    if random.random() > 0.25:
        return program
    return replace(
        program,
        handlers=tuple(
            each if each.role == "together" or random.random() > 0.6 else _rowed(random, each)
            for each in program.handlers
        ),
    )


def _rowed(random: Random, handler: Handler) -> Handler:
    key, body = random.choice(_ROW_KEYS), handler.body
    for _ in range(random.choice((1, 1, 2))):
        mark, catch = "", ""
        if random.random() < 0.3 and not uses(body).sent:  # a call would hold its locks meanwhile
            mark, catch = random.choice(_MARKS), random.choice(("", "", "go on", "refuse", "refuse"))
        body = _somewhere(random, body, Insert(key, mark, catch))
    if random.random() < 0.6:
        body = _somewhere(random, body, Select(random.choice((key, key, *_ROW_KEYS))))
    return replace(handler, body=body)


def _somewhere(random: Random, body: tuple[Statement, ...], each: Statement) -> tuple[Statement, ...]:
    """Adds a statement, perhaps in a branch."""
    at = random.randrange(len(body) + 1)
    into = body[at] if at < len(body) else None
    if isinstance(into, Gather) and random.random() < 0.7:
        turn = random.randrange(len(into.branches))
        branch = _somewhere(random, into.branches[turn], each)
        into = replace(into, branches=(*into.branches[:turn], branch, *into.branches[turn + 1 :]))
        return (*body[:at], into, *body[at + 1 :])
    return (*body[:at], each, *body[at:])


def _with_rollout(random: Random, program: Program) -> Program:
    """Some programs have a second release, which is rolled out while everything else goes on."""
    if random.random() > 0.2:
        return program
    turns, first = random.choice((1, 1, 2, 3)), 0.3 + random.random() * 3.0
    at = tuple(round(first + number * 3.0 + random.random() * 3.0, 2) for number in range(turns))
    contexts = program.contexts if random.random() < 0.5 else (random.choice(program.contexts),)
    program = replace(
        program,
        kept=tuple(
            replace(each, news=random.choice(tuple(PLACES))) if not each.folds and random.random() < 0.7 else each
            for each in program.kept
        ),
        commands=tuple(
            replace(each, news=each.identity and random.random() < 0.5, extra=each.extra or _made(random))
            for each in program.commands
        ),
        events=tuple(
            replace(each, news=random.random() < 0.6, newer=bool(each.told) and random.random() < 0.4)
            for each in program.events
        ),
        rollout=Rollout(at, contexts),
    )
    return _with_late(random, program, contexts) if turns % 2 else program


def _made(random: Random) -> tuple[tuple[str, str, str], ...]:
    return (MADE,) if random.random() < 0.4 else ()


def _with_late(random: Random, program: Program, contexts: Sequence[str]) -> Program:
    """Adds a reaction and a projection that only the second release has."""
    late: list[Handler] = []
    views: list[Kept] = []
    for event in program.events:
        context = random.choice(contexts)
        name = event.name if context == event.context else event.told
        kept = [each.name for each in program.kept if each.context == context and not each.folds]
        if name and kept and random.random() < 0.4:
            body = (Change(random.choice(kept), "message.key"),)
            late.append(Handler(f"late{len(late)}", context, (name,), body, "reaction", since=2))
        if event.context in contexts and random.random() < 0.2:
            views.append(Kept(f"{event.name}Late", event.context, (event.name,), since=2))
    return replace(program, handlers=(*program.handlers, *late), kept=(*program.kept, *views))


class _Generator:
    """Messages have levels. A handler sends and records only messages of higher levels, so each call from outside
    comes to an end."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._contexts = tuple("abcd"[: random.choice((1, 2, 2, 2, 3, 3, 4))])
        self._calm = random.random() < 0.35
        """Whether no handler fails on purpose."""
        self._levels: dict[str, int] = {}
        self._weights: dict[str, int] = {}
        """The number of handler runs that a message leads to."""
        self._kept: list[Kept] = []
        self._commands: list[Message] = []
        self._events: list[Message] = []
        self._handlers: list[Handler] = []

    def _one(self, among: Sequence[T]) -> T:
        return among[self._random.randrange(len(among))]

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def program(self) -> Program:
        self._declare()
        for level in range(4, -1, -1):
            self._react(level)
            for command in self._commands:
                if self._levels[command.name] == level:
                    self._handle(command, level)
        projections = [
            Kept(f"{event.context.upper()}View{number}", event.context, (event.name,))
            for number, event in enumerate(self._events)
            if self._chance(0.25)
        ]
        return Program(
            self._contexts, (*self._kept, *projections), tuple(self._commands), tuple(self._events),
            tuple(self._handlers), self._roots(),
        ).tidied()  # fmt: skip

    # ── declarations ────────────────────────────────────────────────────────────────────────────────────────────────

    def _declare(self) -> None:
        for context in self._contexts:
            for number in range(self._one((1, 1, 2))):
                self._kept.append(Kept(f"{context.upper()}Thing{number}", context))
            for number in range(self._one((0, 1, 1, 2))):
                name = f"{context.upper()}Moved{number}"
                told = f"{context.upper()}Told{number}" if self._chance(0.7) else ""
                self._events.append(Message(name, context, self._chance(0.6), self._extra(), told=told))
                self._levels[name] = self._one((1, 1, 2, 3))
        for number in range(self._one((2, 3, 3, 4, 5))):
            context = self._contexts[number] if number < len(self._contexts) else self._one(self._contexts)
            name = f"{context.upper()}Do{number}"
            message = Message(name, context, self._chance(0.5), self._extra(), self._chance(0.25))
            self._commands.append(message)
            self._levels[name] = 0 if number == 0 else self._one((0, 1, 1, 2, 2, 3))

    def _extra(self) -> tuple[tuple[str, str, str], ...]:
        if not self._chance(0.25):
            return ()
        return (("extra", *self._one(_EXTRAS)),)

    def _react(self, level: int) -> None:
        """Adds reactions to the events of a level, before the handlers that record these events."""
        for event in [each for each in self._events if self._levels[each.name] == level]:
            self._weights[event.name] = 1
            if self._chance(0.2):
                self._handler(event.context, (event.name,), level, "together")
            others = [self._one(self._contexts) for _ in range(self._one((0, 1, 1, 2)))] if event.told else []
            if self._chance(0.5):
                self._handler(event.context, (event.name,), level, "reaction")
            for context in others:
                self._handler(context, (event.told,), level, "reaction")

    def _handle(self, command: Message, level: int) -> None:
        self._handler(command.context, (command.name,), level, "command")

    def _handler(self, context: str, messages: tuple[str, ...], level: int, role: str) -> None:
        name = f"{'on' if role != 'command' else 'do'}{len(self._handlers)}"
        kept = [each for each in self._kept if each.context == context]
        refuses = role == "command" and self._chance(0.35)
        body = _Body(self, context, kept, level, role, refuses).statements(self._one((1, 2, 2, 3, 4)))
        weight = 1 + sum(self.weight(each) for each in inner(body))
        if weight > MOST:
            body = tuple(each for each in body if isinstance(each, (Change, Look)))
            body = tuple(Change(each.kept, each.key) if isinstance(each, Change) else each for each in body)
            weight = 1
        for each in messages:
            event = next((known.name for known in self._events if known.told == each), each)
            self._weights[event] = self._weights.get(event, 0) + weight
        self._handlers.append(Handler(name, context, messages, body, role, refuses))

    def weight(self, statement: Statement) -> int:
        """The number of handler runs that a statement leads to."""
        if isinstance(statement, Send):
            return statement.times * self._weights.get(statement.command, 1)
        if isinstance(statement, Later):
            return self._weights.get(statement.command, 1)
        if isinstance(statement, Change):
            return sum(self._weights.get(event, 0) for event in statement.events)
        return 0

    # ── what handlers may do ────────────────────────────────────────────────────────────────────────────────────────

    def commands_above(self, level: int) -> list[Message]:
        """The commands that a handler of this level may send."""
        return [each for each in self._commands if self._levels[each.name] > level]

    def level(self, command: Message) -> tuple[int, str]:
        """The distance of a command from calls from outside; unique."""
        return self._levels[command.name], command.name

    def events_above(self, context: str, level: int) -> list[str]:
        """The events that a handler of this level may record."""
        return [each.name for each in self._events if each.context == context and self._levels[each.name] > level]

    @property
    def calm(self) -> bool:
        """Whether no handler fails on purpose."""
        return self._calm

    # ── callers ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _roots(self) -> tuple[Root, ...]:
        first = [each.name for each in self._commands if self._levels[each.name] == 0]
        keys = [*_KEYS, self._one(HOSTILE)] if self._chance(0.4) else list(_KEYS)
        shared = self._chance(0.3)
        roots: list[Root] = []
        budget = 40
        for number in range(self._one((1, 2, 4, 6, 8))):
            command, path = self._one(first), f"r{number}"
            budget -= self._weights.get(command, 1)
            if budget < 0 and roots:
                break
            wish = self._one((path, path, path, None))
            if shared and wish and not any(root.command == command and root.wish == "wish" for root in roots):
                wish = "wish"  # another command may have the same key
            copies = 2 if wish and self._chance(0.15) else 1
            roots.append(Root(
                path, command, self._one(keys), round(self._random.random() * self._one((0.2, 2.0, 8.0)), 2), wish,
                self._one((10.0, 10.0, 10.0, 10.0, 2.0, 0.3, 0.05)), self._one((1, 6, 6, 6)), copies,
                copies == 1 and self._chance(0.2),
            ))  # fmt: skip
        return tuple(roots)


class _Body:
    """Generates the statements of one handler."""

    def __init__(
        self, program: _Generator, context: str, kept: Sequence[Kept], level: int, role: str, refuses: bool
    ) -> None:
        self._program = program
        self._random = program._random  # noqa: SLF001  # one stream of randomness
        self._kept = kept
        self._context = context
        self._level = level
        self._role = role
        self._refuses = refuses
        self._mine = (self._one(kept).name, self._one(_KEY_EXPRESSIONS))
        """The aggregate that it changes: a handler that changes two has a bug."""
        self._wild = self._chance(0.03)

    def _one(self, among: Sequence[T]) -> T:
        return among[self._random.randrange(len(among))]

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def statements(self, count: int, depth: int = 0) -> tuple[Statement, ...]:
        """Generates `count` statements with everything inside them."""
        body: list[Statement] = [self._statement(depth) for _ in range(count)]
        if depth == 0 and self._role != "together" and self._chance(0.85):
            body.insert(self._random.randrange(len(body) + 1), self._change())
        if depth == 0 and self._refuses and not self._program.calm and self._chance(0.7):
            body.append(Refuse(self._one(_TESTS)))  # after it has decided something
        return tuple(body)

    def _statement(self, depth: int) -> Statement:
        if self._role == "together":
            return self._beside()
        ways = ["change", "look", "look", "wait", "send", "send", "send", "later", "later"]
        ways += ["gather", "gather", "branch"] if depth < 2 else []
        ways += [] if self._program.calm else ["refuse", "fail", "swallow", "undeclared"]
        make: Callable[[int], Statement | None] = getattr(self, f"_{self._one(ways)}")
        made = make(depth)
        return made if made is not None else self._look(depth)

    def _beside(self) -> Statement:
        commands = self._program.commands_above(self._level)
        return Later(self._one(commands).name, "message.key") if commands else Wait(0.01)

    def _change(self, _: int = 0) -> Statement:
        kept, key = self._mine if not self._wild else (self._one(self._kept).name, self._one(_KEY_EXPRESSIONS))
        known = self._program.events_above(self._context, self._level)
        events = tuple(self._one(known) for _ in range(self._one((0, 1, 1, 2, 2, 3)))) if known else ()
        return Change(kept, key, events, self._one(_KEY_EXPRESSIONS) if self._chance(0.3) else "message.key")

    def _look(self, _: int = 0) -> Statement:
        kept, key = self._mine if self._chance(0.4) else (self._one(self._kept).name, self._one(_KEY_EXPRESSIONS))
        return Look(kept, key, not self._program.calm and self._chance(0.1))

    def _wait(self, _: int) -> Statement:
        return Wait(self._one((0.0, 0.01, 0.05, 0.3, 1.0)))

    def _send(self, _: int) -> Statement | None:
        commands = self._program.commands_above(self._level)
        if not commands:
            return None
        shared = self._chance(0.2)
        # All handlers use the same command for what is done once for several messages.
        command = max(commands, key=self._program.level) if shared else self._one(commands)
        times = self._one((1, 1, 1, 1, 2, 3))
        varies = self._one(("run.tries", "run.count(SEEN)", "")) if command.identity else ""
        return Send(
            command.name, self._one(_KEY_EXPRESSIONS), self._one(("", "", "refusal", "all")),
            self._one((0.0, 0.0, 0.0, 1.0, 0.1)), times, times > 1 and not command.identity and self._chance(0.4),
            shared and times == 1 and not varies, varies,
        )  # fmt: skip

    def _later(self, _: int) -> Statement | None:
        commands = self._program.commands_above(self._level)
        return Later(self._one(commands).name, self._one(_KEY_EXPRESSIONS)) if commands else None

    def _gather(self, depth: int) -> Statement:
        branches = tuple(self.statements(self._one((1, 1, 2)), depth + 1) for _ in range(self._one((2, 2, 3))))
        if self._role != "together" and self._chance(0.3):  # two of them with one aggregate
            branches = ((self._change(), *branches[0]), (Look(*self._mine), *branches[1]), *branches[2:])
        return Gather(branches, self._one(("gather", "gather", "group", "returned")))

    def _branch(self, depth: int) -> Statement:
        other = self.statements(1, depth + 1) if self._chance(0.5) else ()
        return Branch(self._one(_TESTS), self.statements(self._one((1, 2)), depth + 1), other)

    def _refuse(self, _: int) -> Statement | None:
        return Refuse(self._one(_TESTS)) if self._refuses else None

    def _undeclared(self, _: int) -> Statement | None:
        return Refuse(self._one(_TESTS), declared=False) if self._chance(0.2) else None

    def _fail(self, _: int) -> Statement:
        return Fail(*self._one(_FAILS))

    def _swallow(self, _: int) -> Statement:
        return Swallow(self._one((0.1, 1.0, 3.0)))
