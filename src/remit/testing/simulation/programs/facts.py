"""What the stores hold in the end, and what the declarations say, as far as the oracle needs it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

from remit.checks import model_of
from remit.contexts import ContextMap
from remit.contexts.declarations import TOGETHER
from remit.testing.simulation.judges import Files
from remit.testing.simulation.programs.tape import Place, Run, Tape

__all__ = ["Facts", "parent_of"]


class Facts:
    """Stores and tape side by side."""

    def __init__(self, tape: Tape, declared: ContextMap, files: Files, stopped: Collection[str]) -> None:
        model = model_of(declared)
        self.tape = tape
        self.stopped = stopped
        self.handlers: dict[str, str] = {}
        """The handler of each command, by the name of its class."""
        self.followers: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        """Role and name of those who follow an event, by the name of its class."""
        self.told: defaultdict[str, list[str]] = defaultdict(list)
        """The integration events that are made of a domain event."""
        self.keyed: set[str] = set()
        """The handlers of commands that are ordered by their own key."""
        projections = {f"{each.name}.{kept.__name__}" for each in declared.contexts for kept in each.projections}
        for context in declared.contexts:
            for each in context.handlers:
                if each.role.is_called:
                    self.handlers[each.message.__name__] = f"{context.name}.{each.name}"
                    if model.contracts[each.message].key is not None:
                        self.keyed.add(f"{context.name}.{each.name}")
            for each in context.publishers:
                self.told[each.message.__name__].append(each.function.__annotations__["return"].__name__)
        for context in declared.contexts:
            for each in context.handlers:
                if each.role is TOGETHER:
                    self.followers[each.message.__name__].append((each.role.name, f"{context.name}.{each.name}"))
        for followed in model.followed:
            place = f"{followed.context.name}.{followed.follower.__name__}"
            self.followers[followed.event.__name__].append((followed.role.name, place))
        self.kept, self.documents = _state(files, projections)
        self.letters = _letters(files)
        self.runs: defaultdict[tuple[str, str], list[Run]] = defaultdict(list)
        for run in tape.runs:
            self.runs[run.handler, run.path].append(run)
        self.beside = {name for each in self.followers.values() for role, name in each if role == "together"}
        """The reactions that come together with their events."""
        self._children: defaultdict[int, list[Run]] = defaultdict(list)
        for run in tape.runs:
            if run.handler in self.beside and run.whole:
                self._children[run.parent].append(run)
        self.stored: dict[str, tuple[Place, int]] = {
            entry: (place, at) for place, entries in self.kept.items() for at, entry in enumerate(entries)
        }
        """Where each entry is."""
        self.committed = {entry.rpartition("#")[2] for entry in self.stored}
        """The numbers of the runs that are stored."""
        self.replied = {call.said for calls in tape.calls.values() for call in calls if call.outcome == "reply"}
        """The numbers of the runs that a caller was told of."""

    def is_committed(self, run: Run) -> bool:
        """Whether it is known to be written."""
        return f"{run.number}" in self.committed or f"{run.number}" in self.replied

    def is_keyed(self, handler: str) -> bool:
        """Whether a command is ordered by its own key when it is sent for later."""
        return handler in self.keyed

    def with_those_beside(self, run: Run) -> list[Run]:
        """A run, and those of the reactions that came together with its events, which are written with it."""
        return [run, *(found for child in self._children[run.number] for found in self.with_those_beside(child))]

    def allowed(self, path: str) -> int:
        """How often what comes of a message may be there: a handler may wish the same twice."""
        if not path:
            return 1
        wishes: defaultdict[int, int] = defaultdict(int)
        for call in self.tape.calls.get(path, ()):
            if call.by is not None and call.key is None:
                wishes[call.by.number] += 1
        return max(wishes.values(), default=1) * self.allowed(parent_of(path))


def parent_of(path: str) -> str:
    """The path of the message that another one comes of."""
    return path[:-1] if path.endswith("!") else path.rpartition("/")[0]


def _state(
    files: Files, projections: Collection[str]
) -> tuple[Mapping[Place, list[str]], Mapping[Place, list[str]]]:
    kept: dict[Place, list[str]] = {}
    documents: dict[Place, list[str]] = {}
    for context in files.contexts:
        for kind, id, body in files.rows(context, "SELECT kind, id, body FROM state"):
            entries: list[str] = json.loads(body).get("entries", [])
            (documents if kind in projections else kept)[Place(kind, id)] = entries
    return kept, documents


def _letters(files: Files) -> set[tuple[str, str]]:
    """The subscriptions that wait with a message, and its path."""
    rows: list[Any] = [
        row
        for context in files.contexts
        for row in files.rows(context, "SELECT subscription, payload FROM letter WHERE discarded_at IS NULL")
    ]
    return {(name, json.loads(payload).get("path", "")) for name, payload in rows}
