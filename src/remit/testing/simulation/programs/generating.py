"""Generates a program from a seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import TypeVar

from remit.testing.simulation.programs.aging import with_freshness
from remit.testing.simulation.programs.drills import DRILLS, FURTHER_DRILLS, HOSTILE, QUESTIONS, drilled
from remit.testing.simulation.programs.ending import ended
from remit.testing.simulation.programs.grammar import (
    Branch,
    Change,
    Fail,
    Gather,
    Handler,
    Kept,
    Later,
    Look,
    Message,
    Program,
    Refuse,
    Root,
    Send,
    Statement,
    Swallow,
    Wait,
    inner,
)
from remit.testing.simulation.programs.kit import BEGINNINGS, KIT
from remit.testing.simulation.programs.oddities import ODDITIES
from remit.testing.simulation.programs.rebuilding import with_rebuilds
from remit.testing.simulation.programs.scarce import SCARCE
from remit.testing.simulation.programs.seldom import SELDOM
from remit.testing.simulation.programs.senders import FOREIGN
from remit.testing.simulation.programs.sourcing import with_adoption, with_states, with_streams
from remit.testing.simulation.programs.tidying import tidied
from remit.testing.simulation.programs.varying import VARIATIONS

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
"""The share of those that are about what is seldom: equal messages, many parked keys, questions meanwhile."""
BEGUN = 0.03
"""The share of those that are about reactions that begin with what is written from then on."""
SCARCE_SHARE = 0.1
"""The share of programs about what others meet too seldom."""
KIT_SHARE = 0.14
"""The share of programs that are about what else handlers may ask for and declare: refusals that are returned, claims,
records, what is removed, policies, interceptors."""

_KEYS = ("k0", "k1", "k0", "k1", "k2")
_KEY_EXPRESSIONS = (
    *(6 * ("message.key",)), '"k0"', '"k1"', 'f"{message.key[:40]}-x"', "message.key[:1]",
)  # fmt: skip
_TESTS = (
    "run.count(SEEN) % 2", "run.count(SEEN) > 1", "run.answered % 2", 'message.key == "k0"', "len(message.path) % 2",
    "run.count(SEEN) == 0",
)  # fmt: skip
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


FOREIGN_SHARE = 0.07
"""The share of programs with foreign sources."""
_SALT = 1758
"""Chosen so that the recorded seeds of planted bugs keep their programs."""

_DRILLED = (
    (f"foreign {_SALT}", FOREIGN_SHARE, FOREIGN),
    ("scarce", SCARCE_SHARE, SCARCE),
    ("kit", KIT_SHARE, KIT),
    ("seldom", RARE, SELDOM),
    ("odd", ODD, ODDITIES),
    ("further", FURTHER, FURTHER_DRILLS),
    ("beginnings", BEGUN, BEGINNINGS),
)
"""What a program is about: who is asked first, with what share of programs, and the drills."""


RELATED = 0.4
"""The share of programs whose contexts have relations."""
LAYERED = 0.8
"""The share of those whose anti-corruption layers have modules."""


SOURCED = 0.08
"""The share of programs whose aggregates may be event-sourced."""
SOURCED_NEWLY = 0.3
"""The same, of those where a second release is rolled out to stay: their events may change."""
REMOVING = 0.5
"""The share of those with rows where some of these are removed."""
ADOPTING = 0.3
"""The share of programs with a second release in which it turns states into streams."""
REBUILT = 0.5
"""The share of programs with read models where some of these are rebuilt."""
HELD = 0.3
"""The share of programs with event-sourced aggregates where row models are rebuilt from the states of some."""
_STATES = 6
"""Chosen as `_SALT` was."""
_STREAMS = 591
"""Chosen as `_SALT` was."""
AGED = 0.1
"""The share of programs with read models that promise how old they may be."""
_AGES = 8871
"""Chosen as `_SALT` was."""


def generate(seed: int) -> Program:
    """The program of a seed."""
    program = _stored_as_state(seed)
    chance = Random(f"sourced {_STREAMS} {seed}")  # noqa: S311  chance that can be repeated, no secret
    stays = program.rollout is not None and len(program.rollout.at) == 1
    later = Random(f"read side {seed}")  # noqa: S311  chance that can be repeated, no secret
    if chance.random() < (SOURCED_NEWLY if stays else SOURCED):
        program = with_streams(chance, program, removes=later.random() < REMOVING)
    elif program.rollout is not None and later.random() < ADOPTING:
        program = with_adoption(later, program)
    program = with_rebuilds(later, program) if later.random() < REBUILT else program
    held = Random(f"states {_STATES} {seed}")  # noqa: S311  chance that can be repeated, no secret
    program = with_states(held, program) if held.random() < HELD else program
    aged = Random(f"aged {_AGES} {seed}")  # noqa: S311  chance that can be repeated, no secret
    return with_freshness(aged, program) if aged.random() < AGED else program


def _stored_as_state(seed: int) -> Program:
    chance = Random(f"related {seed}")  # noqa: S311  chance that can be repeated, no secret
    program = replace(_unrelated(seed), related=chance.randrange(1, 1000) if chance.random() < RELATED else 0)
    layered = Random(f"layered {seed}").random() < LAYERED  # noqa: S311  the same
    return replace(program, layered=bool(program.related) and program.rollout is None and layered)


def _unrelated(seed: int) -> Program:
    for name, share, drills in _DRILLED:
        random = Random(f"{name} {seed}")  # noqa: S311  chance that can be repeated, no secret
        if random.random() < share:
            return drilled(random, drills)
    chance = Random(f"drill {seed}")  # noqa: S311  chance that can be repeated, no secret
    share = chance.random()
    if share < DRILLED + ASKED:
        return drilled(chance, DRILLS if share < DRILLED else QUESTIONS)
    program = _Generator(Random(f"program {seed}")).program()  # noqa: S311  the same
    for name, vary in VARIATIONS:
        program = vary(Random(f"{name} {seed}"), program)  # noqa: S311  the same
    return ended(program)


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
        return tidied(Program(
            self._contexts, (*self._kept, *projections), tuple(self._commands), tuple(self._events),
            tuple(self._handlers), self._roots(),
        ))  # fmt: skip

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
