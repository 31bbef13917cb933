"""What some programs have besides, each by chance of its own: a program that has none of it stays what it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

from remit.testing.simulation.programs.grammar import (
    MADE,
    Change,
    Gather,
    Handler,
    Insert,
    Kept,
    Program,
    Put,
    Refuse,
    Rollout,
    Select,
    Send,
    Statement,
    uses,
)
from remit.testing.simulation.programs.news import PLACES
from remit.testing.simulation.programs.noted import CARD
from remit.testing.simulation.programs.tidying import tidied

__all__ = ["VARIATIONS"]

_ROW_KEYS = ('"k0"', "ascii(message.key)", "ascii(message.key)")
_MARKS = (
    "ascii(message.key)",
    'f"{ascii(message.key)} {run.tries}"',
    'f"{ascii(message.key)} {run.tries}"',
    "message.path",
)
_DRAWS = ("ids.new()", "clock.now().isoformat()")


def with_meeting(random: Random, program: Program) -> Program:
    """In some programs two handlers of different contexts wish the same, under the same key."""
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
    """All handlers that a command leads to, its own among them."""
    told = {event.told: event.name for event in program.events if event.told}
    found: set[Handler] = set()
    names = {command}
    while new := [each for each in program.handlers if each not in found and names & set(each.messages)]:
        found.update(new)
        for used in (uses(each.body) for each in new):
            names |= {*used.sent, *used.later, *used.recorded}
        names |= {public for public, event in told.items() if event in names}
    return found


def with_draws(random: Random, program: Program) -> Program:
    """Some handlers that call send on what they are given: an identity, or the time."""
    return replace(
        program,
        handlers=tuple(
            replace(each, draws=random.choice(_DRAWS)) if random.random() < 0.2 and uses(each.body).sent else each
            for each in program.handlers
        ),
    )


def with_rows(random: Random, program: Program) -> Program:
    """In some programs handlers write rows into tables of their own, and read them."""
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
        if random.random() < 0.3 and not uses(body).sent:  # who waits with it keeps others waiting
            mark, catch = random.choice(_MARKS), random.choice(("", "", "go on", "refuse", "refuse"))
        body = _somewhere(random, body, Insert(key, mark, catch))
    if random.random() < 0.6:
        body = _somewhere(random, body, Select(random.choice((key, key, *_ROW_KEYS))))
    return replace(handler, body=body)


def _somewhere(random: Random, body: tuple[Statement, ...], each: Statement) -> tuple[Statement, ...]:
    """With a statement more, perhaps in a branch."""
    at = random.randrange(len(body) + 1)
    into = body[at] if at < len(body) else None
    if isinstance(into, Gather) and random.random() < 0.7:
        turn = random.randrange(len(into.branches))
        branch = _somewhere(random, into.branches[turn], each)
        into = replace(into, branches=(*into.branches[:turn], branch, *into.branches[turn + 1 :]))
        return (*body[:at], into, *body[at + 1 :])
    return (*body[:at], each, *body[at:])


def with_rollout(random: Random, program: Program) -> Program:
    """Some programs have a second release, which processes come to run while all the rest goes on."""
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
    """With a reaction and a projection that only the second release has."""
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


def with_returned(random: Random, program: Program) -> Program:
    """In some programs refusals that are declared are returned."""
    if random.random() > 0.15:
        return program
    return replace(
        program,
        handlers=tuple(
            replace(each, body=tuple(_returned(statement) for statement in each.body)) for each in program.handlers
        ),
    )


def _returned(statement: Statement) -> Statement:
    return replace(statement, returned=statement.declared) if isinstance(statement, Refuse) else statement


def with_removed(random: Random, program: Program) -> Program:
    """In some programs aggregates are removed where they would be changed."""
    if random.random() > 0.12 or program.rollout is not None:
        return program
    return replace(
        program,
        handlers=tuple(
            replace(each, body=tuple(_removed(random, statement) for statement in each.body))
            for each in program.handlers
        ),
    )


def _removed(random: Random, statement: Statement) -> Statement:
    """Not in a branch: beside another one that has loaded the same, its changes would be lost."""
    if isinstance(statement, Change) and random.random() < 0.3:
        return replace(statement, remove=True)
    return statement


def with_records(random: Random, program: Program) -> Program:
    """In some programs handlers put records, list and delete them."""
    if random.random() > 0.12 or program.rollout is not None:
        return program
    cards = {each: Kept(f"{each.upper()}{CARD}", each, record=True) for each in program.contexts}
    return tidied(
        replace(
            program,
            kept=(*program.kept, *cards.values()),
            handlers=tuple(
                each if each.role == "together" or random.random() > 0.6 else _carded(random, each, cards[each.context])
                for each in program.handlers
            ),
        )
    )


def _carded(random: Random, handler: Handler, card: Kept) -> Handler:
    """Not in a branch: another one might put the same meanwhile."""
    body = list(handler.body)
    for _ in range(random.choice((1, 1, 2))):
        key, how = (
            random.choice(("message.key", "message.key", '"k0"')),
            random.choice(("put", "put", "page", "delete")),
        )
        body.insert(random.randrange(len(body) + 1), Put(card.name, key, how))
    return replace(handler, body=tuple(body))


def with_envelopes(random: Random, program: Program) -> Program:
    """In some programs handlers ask for the envelopes of their messages."""
    if random.random() > 0.12:
        return program
    handlers = tuple(replace(each, enveloped=random.random() < 0.6) for each in program.handlers)
    return replace(program, handlers=handlers)


VARIATIONS: Sequence[tuple[str, Callable[[Random, Program], Program]]] = (
    ("meeting", with_meeting),
    ("draws", with_draws),
    ("rows", with_rows),
    ("rollout", with_rollout),
    ("returned", with_returned),
    ("removed", with_removed),
    ("records", with_records),
    ("envelopes", with_envelopes),
)
"""What is varied, one after the other."""
