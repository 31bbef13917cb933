"""Shrinks a failing program: fewer calls, contexts, handlers, statements and faults, while it fails in the same way."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from remit.testing.simulation.programs.grammar import (
    Branch,
    Change,
    Gather,
    Handler,
    Insert,
    Program,
    Refuse,
    Send,
    Source,
    Statement,
)
from remit.testing.simulation.programs.running import Found, run_program
from remit.testing.simulation.programs.tidying import tidied
from remit.testing.simulation.scene import Scene

__all__ = ["shrink_program", "signature"]

_SEEDS = 4
"""How many other seeds are tried for a smaller program: its failure may need another timing."""

_WORDS = re.compile(r"(?<![\w.])[A-Za-z]{4,}(?![\w.])")

Body = tuple[Statement, ...]


def shrink_program(found: Found, *, tries: int = 400) -> Found:
    """The smallest failing program found within `tries` runs, and then with the fewest faults."""
    search = _Search(found, tries)
    before = -1
    while before != search.best.program.size() and search.tries:
        before = search.best.program.size()
        for scene in _calmer(search.best.scene):
            search.fails(search.best.program, [scene])
        edits = (
            _related,
            _rollout,
            _sources,
            _roots,
            _questions,
            _contexts,
            _handlers,
            _kept,
            _bodies,
            _details,
            _root_details,
        )
        for edit in edits:
            search.descend(edit)
    search.without_faults()
    return search.best


def signature(found: Found) -> set[str]:
    """What a program fails with, without its own names and numbers."""
    return {f"{each.judge}: {' '.join(_WORDS.findall(each.what))[:60]}" for each in found.report.verdicts}


class _Search:
    def __init__(self, found: Found, tries: int) -> None:
        self.best = found
        self.tries = tries
        self._signature = signature(found)
        self._seen: set[Any] = set()

    def fails(self, program: Program, scenes: list[Scene]) -> bool:
        """Whether this program fails in the same way in one of these scenes; then it becomes the best."""
        for scene in scenes:
            if (program, scene) in self._seen:
                continue
            if not self.tries:
                return False
            self.tries -= 1
            self._seen.add((program, scene))
            try:
                found = run_program(program, scene)
            except Exception:  # noqa: BLE001  # a program that does not start is no smaller program
                return False
            if signature(found) & self._signature:
                self.best = found
                return True
        return False

    def descend(self, edit: Callable[[Program], Iterator[Program]]) -> None:
        """Applies one kind of edit as long as the program still fails."""
        again = True
        while again and self.tries:
            again = False
            for made in edit(self.best.program):
                smaller = tidied(made)
                if (
                    smaller != self.best.program
                    and (smaller.roots or smaller.sources)
                    and self.fails(smaller, self._scenes())
                ):
                    again = True
                    break

    def _scenes(self) -> list[Scene]:
        scene = self.best.scene
        return [scene, *(replace(scene, seed=scene.seed % 3 + 3 * number) for number in range(_SEEDS))]

    def without_faults(self) -> None:
        """Keeps only the faults that are needed."""
        scene = self.best.scene
        self.fails(self.best.program, [replace(scene, faults=self.best.report.fired)])
        size = len(self.best.report.fired)
        while size and self.best.scene.faults is not None:
            at = len(self.best.report.fired)
            while at > 0:
                fired = self.best.report.fired
                at = min(at, len(fired))
                fewer = fired[: max(0, at - size)] + fired[at:]
                self.fails(self.best.program, [replace(self.best.scene, faults=fewer)])
                at -= size
            size //= 2


def _calmer(scene: Scene) -> Iterator[Scene]:
    yield replace(scene, pull=True, apart=False)
    yield replace(scene, apart=False)
    yield replace(scene, pull=True)
    yield replace(scene, seed=scene.seed - scene.seed % 3)  # without trimming


def _related(program: Program) -> Iterator[Program]:
    """Without relations; without the modules of layers."""
    if program.related:
        yield replace(program, related=0, layered=False)
    if program.layered:
        yield replace(program, layered=False)


def _sources(program: Program) -> Iterator[Program]:
    """One source less, or one with fewer messages, each sent fewer times."""
    for at, source in enumerate(program.sources):
        yield replace(program, sources=program.sources[:at] + program.sources[at + 1 :])
        for fewer in _posted(source):
            yield replace(program, sources=(*program.sources[:at], fewer, *program.sources[at + 1 :]))


def _posted(source: Source) -> Iterator[Source]:
    posted = source.posted
    if len(posted) > 1:
        half = len(posted) // 2
        yield replace(source, posted=posted[:half])
        yield replace(source, posted=posted[half:])
    for at, each in enumerate(posted):
        yield replace(source, posted=posted[:at] + posted[at + 1 :])
        for plain in (replace(each, at=each.at[:1]), replace(each, how="")):
            if plain != each:
                yield replace(source, posted=(*posted[:at], plain, *posted[at + 1 :]))


def _rollout(program: Program) -> Iterator[Program]:
    """One release; or fewer changes in the second one."""
    if program.rollout is None:
        return
    yield replace(program, rollout=None)
    for at in range(1, len(program.rollout.at)):
        yield replace(program, rollout=replace(program.rollout, at=program.rollout.at[:at]))
    for at, kept in enumerate(program.kept):
        if kept.news:
            yield replace(program, kept=(*program.kept[:at], replace(kept, news=""), *program.kept[at + 1 :]))
    for name in ("commands", "events"):
        messages: Any = getattr(program, name)
        for at, each in enumerate(messages):
            for plain in (replace(each, news=False), replace(each, newer=False), replace(each, rekeyed=False)):
                if plain != each:
                    changed: Any = {name: (*messages[:at], plain, *messages[at + 1 :])}
                    yield replace(program, **changed)


def _questions(program: Program) -> Iterator[Program]:
    for at, each in enumerate(program.rebuilds):
        others = program.rebuilds[:at], program.rebuilds[at + 1 :]
        yield replace(program, rebuilds=others[0] + others[1])
        if each.back:
            yield replace(program, rebuilds=(*others[0], replace(each, back=False), *others[1]))
    for at in range(len(program.halts)):
        yield replace(program, halts=program.halts[:at] + program.halts[at + 1 :])
    if program.after:
        yield replace(program, after=False)
    for at in range(len(program.questions)):
        yield replace(program, questions=program.questions[:at] + program.questions[at + 1 :])


def _roots(program: Program) -> Iterator[Program]:
    roots = program.roots
    if len(roots) > 1:
        half = len(roots) // 2
        yield replace(program, roots=roots[:half])
        yield replace(program, roots=roots[half:])
    for at in range(len(roots) - 1, -1, -1):
        yield replace(program, roots=roots[:at] + roots[at + 1 :])


def _contexts(program: Program) -> Iterator[Program]:
    for name in program.contexts:
        yield replace(
            program,
            contexts=tuple(each for each in program.contexts if each != name),
            kept=tuple(each for each in program.kept if each.context != name),
            commands=tuple(each for each in program.commands if each.context != name),
            events=tuple(each for each in program.events if each.context != name),
            handlers=tuple(each for each in program.handlers if each.context != name),
        )


def _handlers(program: Program) -> Iterator[Program]:
    for at, handler in enumerate(program.handlers):
        fewer = replace(program, handlers=program.handlers[:at] + program.handlers[at + 1 :])
        if handler.role == "command":
            fewer = replace(
                fewer, commands=tuple(each for each in program.commands if each.name != handler.messages[0])
            )
        yield fewer


def _kept(program: Program) -> Iterator[Program]:
    for at in range(len(program.kept)):
        yield replace(program, kept=program.kept[:at] + program.kept[at + 1 :])


def _bodies(program: Program) -> Iterator[Program]:
    for at, handler in enumerate(program.handlers):
        for body in _smaller(handler.body):
            yield _with(program, at, replace(handler, body=body))


def _with(program: Program, at: int, handler: Handler) -> Program:
    return replace(program, handlers=(*program.handlers[:at], handler, *program.handlers[at + 1 :]))


def _smaller(body: Body) -> Iterator[Body]:
    """One statement less; or a nested statement in place of one; or a smaller one."""
    for at, each in enumerate(body):
        before, after = body[:at], body[at + 1 :]
        yield before + after
        if isinstance(each, Gather):
            for branch in each.branches:
                yield before + branch + after
            for turn, branch in enumerate(each.branches):
                rest = each.branches[turn + 1 :]
                yield (*before, replace(each, branches=each.branches[:turn] + rest), *after)
                for less in _smaller(branch):
                    if less:
                        yield (*before, replace(each, branches=(*each.branches[:turn], less, *rest)), *after)
        elif isinstance(each, Branch):
            yield before + each.then + after
            yield before + each.otherwise + after
            for less in _smaller(each.then):
                yield (*before, replace(each, then=less), *after)
            for less in _smaller(each.otherwise):
                yield (*before, replace(each, otherwise=less), *after)


def _details(program: Program) -> Iterator[Program]:
    """The same statements, simpler; and messages without additional fields."""
    for at, handler in enumerate(program.handlers):
        if handler.refuses:
            yield _with(program, at, replace(handler, refuses=False))
        if handler.draws:
            yield _with(program, at, replace(handler, draws=""))
        for body in _simpler(handler.body):
            yield _with(program, at, replace(handler, body=body))
    for name in ("commands", "events"):
        messages: Any = getattr(program, name)
        for at, each in enumerate(messages):
            for plain in (replace(each, extra=()), replace(each, identity=False), replace(each, told="")):
                changed: Any = {name: (*messages[:at], plain, *messages[at + 1 :])}
                yield replace(program, **changed)


def _simpler(body: Body) -> Iterator[Body]:
    for at, each in enumerate(body):
        for plain in _plainer(each):
            yield (*body[:at], plain, *body[at + 1 :])


_PLAINER: Any = {
    Send: (
        {"times": 1, "equal": False}, {"catch": ""}, {"deadline": 0.0}, {"shared": False}, {"alike": False},
        {"varies": ""}, {"key": "message.key"}, {"times": 2},
    ),
    Insert: ({"mark": "", "catch": ""}, {"catch": ""}, {"key": '"k0"'}),
    Refuse: ({"returned": False},),
}  # fmt: skip


def _plainer(each: Statement) -> Iterator[Statement]:
    for change in _PLAINER.get(type(each), ()):
        changed: Any = change
        yield replace(each, **changed)
    if isinstance(each, Change):
        for at in range(len(each.events)):
            yield replace(each, events=each.events[:at] + each.events[at + 1 :])
        yield replace(each, key="message.key", event_key="message.key")
    elif isinstance(each, Gather):
        yield replace(each, how="gather")
        for turn, branch in enumerate(each.branches):
            for plain in _simpler(branch):
                yield replace(each, branches=(*each.branches[:turn], plain, *each.branches[turn + 1 :]))
    elif isinstance(each, Branch):
        for plain in _simpler(each.then):
            yield replace(each, then=plain)


def _root_details(program: Program) -> Iterator[Program]:
    for at, root in enumerate(program.roots):
        for change in (
            {"copies": 1},
            {"deadline": 10.0},
            {"anew": False},
            {"at": 0.0},
            {"key": "k0"},
            {"wish": root.path},
        ):
            changed: Any = change
            plain = replace(root, **changed)
            if plain != root:
                yield replace(program, roots=(*program.roots[:at], plain, *program.roots[at + 1 :]))
