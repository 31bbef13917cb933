"""The tapes that the lives of a program have written, put together to one."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from remit import errors
from remit.errors import CallError, Unavailable
from remit.log import SubscriptionId
from remit.messages import Refusal
from remit.testing.simulation.programs import Tape
from remit.testing.simulation.programs.tape import HANDLER_SECONDS, Called, Look, Place, Run, Said
from tests.programs.life import LOOK_SECONDS, RUNS

__all__ = ["Belief", "Read", "read"]


NOBODY: Mapping[int, float] = {}


class Failed(Exception):
    """What a handler has ended with, in another process."""


class Passed(Unavailable):
    """The same, of what may pass by itself."""


class Refused(Refusal):
    """The same, of a refusal, which has the name of its class."""

    said: str


@dataclass(frozen=True)
class Belief:
    """What a process believes of a subscription or relay, when it was asked last."""

    id: SubscriptionId
    state: str
    note: str
    is_subscription: bool


class WholeTape(Tape):
    """What all processes have noted, and what callers from outside have."""

    def __init__(self, outside: Tape) -> None:
        super().__init__(outside._choices, outside._weather)
        self._numbered: dict[str, Run] = {}
        self.answers = outside.answers
        self.outdated = outside.outdated
        self.sent = outside.sent

    def numbered(self, number: str) -> Run:
        return self._numbered[number]

    def take(self, run: Run) -> None:
        self.runs.append(run)
        self._numbered[f"{run.number}"] = run


@dataclass
class Read:
    """What is on the tapes."""

    tape: WholeTape
    late: defaultdict[int, float] = field(default_factory=lambda: defaultdict[int, float](float))
    """How many seconds each life was late by, at most; under 0 that of those who call from outside."""
    accused: list[str] = field(default_factory=list[str])
    beliefs: dict[str, list[Belief]] = field(default_factory=dict[str, list[Belief]])
    """By the name of the tape."""


def read(outside: Tape, folder: Path, peace: float = float("inf"), late: Mapping[int, float] = NOBODY) -> Read:
    """All tapes in a folder, and that of the callers. Who has begun after `peace` was not disturbed.

    `late` says of lives how many seconds they were late by, as far as they may not have noted it themselves. That much
    later, and what nobody notices between two looks, may be over what a life does and what it calls; who is called has
    no part in it.
    """
    found = Read(WholeTape(outside))
    found.late.update(late)
    runs: dict[int, _Run] = {}
    for file in sorted(folder.glob("*.tape")):
        for line in file.read_bytes().split(b"\n")[:-1]:  # what a kill has cut off, nobody has acted on
            what, *more = json.loads(line)
            _take(found, runs, file.stem, what, more)
    _put_together(found, runs.values(), outside, peace)
    return found


@dataclass
class _Run:
    begun: list[Any]
    ended: list[Any] = field(default_factory=list[Any])
    looks: list[Look] = field(default_factory=list[Look])
    changes: list[tuple[Place, str]] = field(default_factory=list[tuple[Place, str]])
    said: list[Said] = field(default_factory=list[Said])
    calls: list[list[Any]] = field(default_factory=list[list[Any]])
    more: defaultdict[str, list[list[Any]]] = field(default_factory=lambda: defaultdict[str, list[list[Any]]](list))
    """What else it has noted, by what it is."""

    def claims(self, what: str) -> list[tuple[Place, str]]:
        """What it has noted of values that aggregates have at a time."""
        return [(Place(*place), value) for place, value in self.more[what]]


def _take(found: Read, runs: dict[int, _Run], life: str, what: str, more: list[Any]) -> None:
    if what == "late":
        found.late[int(life)] = max(found.late[int(life)], more[0])
    elif what == "accused":
        found.accused.append(more[0])
    elif what == "believes":
        found.beliefs[life] = [
            Belief(SubscriptionId(*id), state, note, subscribes) for *id, state, note, subscribes in more[0]
        ]
    elif what == "run":
        runs[more[0]] = _Run(more)
    else:
        _note(runs[more[0]], what, more[1:])


def _note(run: _Run, what: str, more: list[Any]) -> None:
    if what == "ended":
        run.ended = more
    elif what == "look":
        ((place, entries, *_),) = more  # what its calls had been answered is judged in the simulation only
        run.looks.append(Look(Place(*place), tuple(entries)))
    elif what == "change":
        run.changes.append((Place(*more[0]), more[1]))
    elif what == "said":
        run.said.append(Said(*more[0]))
    elif what == "call":
        run.calls.append([*more[0], more[1]])
    elif what == "answer":
        run.calls[more[0][0]][5:9] = more[0][5:9]
    else:
        run.more[what].append(more)


def _put_together(found: Read, runs: Iterable[_Run], outside: Tape, peace: float) -> None:
    tape, calls = found.tape, found.tape.calls
    spans: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    """By path: when it was called, and how long that may take."""
    for path, asked in outside.calls.items():
        calls[path] += [replace(each, limit=each.limit + found.late[0] + LOOK_SECONDS) for each in asked]
        spans[path] += [(each.began, each.limit - each.began) for each in asked]
    for noted in sorted(runs, key=lambda each: float(each.begun[5])):
        number, handler, path, key, tries, began, parent = noted.begun
        slack = found.late[number // RUNS] + LOOK_SECONDS
        longest = max((span for at, span in spans[path] if at <= began), default=HANDLER_SECONDS)
        limit = began + longest
        run = Run(number, handler, path, key, tape, tries, began, limit + slack, began > peace, parent)
        if noted.ended:
            run.ended, run.error = noted.ended[0], _error(noted.ended[1])
        run.looks, run.changes, run.said = noted.looks, noted.changes, noted.said
        run.wrong = [what for (what,) in noted.more["wrong"]]
        run.envelope = next((what for (what,) in noted.more["envelope"]), "")
        run.lacking = [Place(*place) for (place,) in noted.more["lacking"]]
        run.lists = [(kind, tuple(ids)) for kind, ids in noted.more["list"]]
        run.wanted, run.taken, run.freed, run.unheld = map(noted.claims, ("wants", "took", "freed", "unheld"))
        run.broken = [_failure(each) for (each,) in noted.more["broken"]]
        for _, type, to, called, wish, ended, outcome, said, no, seconds in noted.calls:
            due = min(called + seconds, limit)
            call = Called(type, to, called, due + slack, wish, ended, outcome, said, run, no)
            spans[to].append((called, due - called))
            run.calls.append(call)
            calls[to].append(call)
        tape.take(run)


def _error(told: list[Any] | None) -> BaseException | None:
    if told is None:
        return None
    kind, what, *inner = told
    if kind == "group":
        return BaseExceptionGroup(what, [error for each in inner[0] if (error := _error(each)) is not None])
    return _failure(told)


def _failure(told: list[Any]) -> Exception:
    kind, what, *_ = told
    name = what.partition(":")[0]
    if kind == "refusal":
        refused: type[Refused] = type(name, (Refused,), {})
        return refused(said=what)
    called = getattr(errors, name, None)  # what a call has ended with counts less than a bug
    if isinstance(called, type) and issubclass(called, CallError) and kind != "passing":
        return called(what)
    return Passed(what) if kind == "passing" else Failed(what)
