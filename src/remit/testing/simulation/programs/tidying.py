"""Removes from a generated program what nothing in it uses."""

from __future__ import annotations

from dataclasses import replace

from remit.testing.simulation.programs.grammar import (
    BY,
    MADE,
    Add,
    Branch,
    Change,
    Gather,
    Later,
    Look,
    Message,
    Program,
    Publish,
    Put,
    Send,
    Statement,
    Take,
    uses,
)  # fmt: skip

__all__ = ["tidied"]


def tidied(program: Program) -> Program:
    """Removes what is unused: statements that name missing things, and declarations that nothing names."""
    before: Program | None = None
    program = program if program.rollout else _in_one_release(program)
    while program != before:
        before, program = program, _tidied_once(program)
    models = {f"{each.context}.{each.name}" for each in program.kept if each.promises}
    return replace(program, halts=tuple(each for each in program.halts if each[0].partition(" ")[0] in models))


def _in_one_release(program: Program) -> Program:
    """Removes what only a second release has."""

    def plain(each: Message) -> Message:
        extra = tuple(one for one in each.extra if one not in (BY, MADE))
        return replace(each, news=False, newer=False, rekeyed=False, extra=extra)

    return replace(
        program,
        kept=tuple(replace(each, news="", since=1) for each in program.kept),
        commands=tuple(map(plain, program.commands)),
        events=tuple(map(plain, program.events)),
        handlers=tuple(replace(each, since=1) for each in program.handlers),
    )


def _tidied_once(program: Program) -> Program:
    commands = {each.name for each in program.commands} & {handler.messages[0] for handler in program.handlers}
    events = {each.name for each in program.events}
    kept = {each.name for each in program.kept}
    handlers = tuple(
        replace(handler, body=_without(handler.body, commands, events, kept)) for handler in program.handlers
    )
    told = {each.told for each in program.events if each.told}
    handlers = tuple(
        replace(each, messages=tuple(name for name in each.messages if name in commands | events | told))
        for each in handlers
    )
    handlers = tuple(each for each in handlers if each.messages)
    every = [uses(handler.body) for handler in handlers]
    called = {name for used in every for name in (*used.sent, *used.later)} | {root.command for root in program.roots}
    called |= {name for each in program.sources for name in each.commands}
    handlers = tuple(each for each in handlers if each.role != "command" or each.messages[0] in called)
    named = {name for handler in handlers for name in handler.messages}
    folded = {name for each in program.kept for name in each.folds}
    recorded = {name for used in every for name in used.recorded}
    followed = tuple(
        replace(each, told=each.told if each.told in named | folded else "")
        for each in program.events
        if each.name in recorded
    )
    live = {each.name for each in followed} | {each.told for each in followed}
    used_kept = {name for used in every for name in used.kept}
    views = {each.name for each in program.kept if set(each.folds) & live}
    aged = views & {each.name for each in program.kept if each.promises}
    contexts = tuple(each for each in program.contexts if any(handler.context == each for handler in handlers))
    return replace(
        program,
        handlers=tuple(each for each in handlers if each.role == "command" or set(each.messages) & live),
        commands=tuple(each for each in program.commands if each.name in commands & called),
        events=followed,
        roots=tuple(root for root in program.roots if root.command in commands),
        questions=tuple(each for each in program.questions if each.kept in (aged if each.aged else views | used_kept)),
        kept=tuple(
            each if not each.folds else replace(each, folds=tuple(name for name in each.folds if name in live))
            for each in program.kept
            if (set(each.folds) & live if each.folds else each.name in used_kept)
        ),
        contexts=contexts,
        sources=tuple(
            replace(each, commands=names)
            for each in program.sources
            if (names := tuple(name for name in each.commands if name in commands)) and each.posted
        ),
        guards=tuple(each for each in program.guards if each.context in contexts),
    )  # fmt: skip


def _without(
    body: tuple[Statement, ...], commands: set[str], events: set[str], kept: set[str]
) -> tuple[Statement, ...]:
    """The statements that name only these."""
    left: list[Statement] = []
    for each in body:
        if isinstance(each, (Send, Later)) and each.command not in commands:
            continue
        if isinstance(each, (Add, Look, Change, Take, Put)) and each.kept not in kept:
            continue
        if isinstance(each, Publish) and each.event not in events:
            continue
        if isinstance(each, Change):
            left.append(replace(each, events=tuple(name for name in each.events if name in events)))
        elif isinstance(each, Gather):
            branches = tuple(filter(None, (_without(branch, commands, events, kept) for branch in each.branches)))
            left += [replace(each, branches=branches)] if branches else []
        elif isinstance(each, Branch):
            then, other = (_without(part, commands, events, kept) for part in (each.then, each.otherwise))
            left += [replace(each, then=then, otherwise=other)] if then or other else []
        else:
            left.append(each)
    return tuple(left)
