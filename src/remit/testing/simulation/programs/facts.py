"""The final contents of the stores and the declarations, as far as the oracle needs them."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from typing import Any

from remit.checks import model_of
from remit.contexts import ContextMap, groups_of
from remit.contexts.annotations import asks_for_sql
from remit.contexts.declarations import TOGETHER
from remit.contexts.declarations import Handler as Declaration
from remit.errors import CallError
from remit.messages import Refusal
from remit.messages.contract import reply_of
from remit.testing.simulation.judges import Files, Verdict
from remit.testing.simulation.programs.news import NEWS
from remit.testing.simulation.programs.streams import folded, is_head
from remit.testing.simulation.programs.tape import ALIKE, GRAVE, NOTE, Place, Run, Tape, all_of

__all__ = ["OWN", "Facts", "told_by"]

OWN = "own"
"""The way of a domain event."""


def told_by(context: str) -> str:
    """The way of the integration events of a context."""
    return f"told by {context}"


class Declared:
    """Which handler handles what, by the names of classes."""

    def __init__(self, declared: ContextMap) -> None:
        self._model = model_of(declared)
        self.handlers: dict[str, str] = {}
        """The handler of each command."""
        self._refusals: dict[str, set[str]] = {}
        """The declared refusals of each."""
        self.keyed: set[str] = set()
        """The handlers of commands with an ordering key of their own, if these are sent for later."""
        self.identified: set[str] = set()
        """Commands with an identity: two equal ones in one message are applied once."""
        self.followers: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        """Role and name of the followers of an event, including its `together` reactions."""
        self.told: defaultdict[str, list[str]] = defaultdict(list)
        """The integration events that are made of a domain event."""
        self.public: set[str] = set()
        """The integration events."""
        self.begins: set[str] = set()
        """The reactions that begin with what is written from then on."""
        self.beside: set[str] = set()
        """The reactions that come together with their events."""
        self.groups: dict[tuple[str, str], tuple[str, ...]] = {}
        """The reactions that follow together, in their order, by each of them and the way of their messages."""
        for context in declared.contexts:
            for each in context.handlers:
                self._take(context.name, each)
            for each in context.publishers:
                made = each.function.__annotations__["return"].__name__
                self.told[each.message.__name__].append(made)
                self.public.add(made)
            for group in groups_of(self._model, context):
                names = tuple(each.name for each in group.members)
                for name, source, private in group.members if len(names) > 1 else ():
                    self.groups[name, OWN if private else told_by(source)] = names
        for followed in self._model.followed:
            place = f"{followed.context.name}.{followed.follower.__name__}"
            self.followers[followed.event.__name__].append((followed.role.name, place))

    def _take(self, context: str, each: Declaration) -> None:
        name, message = f"{context}.{each.name}", each.message.__name__
        if each.role.is_called:
            self.handlers[message] = name
            self._refusals[name] = {refusal.__name__ for refusal in reply_of(each.message)[1]}
            if self._model.contracts[each.message].key is not None:
                self.keyed.add(name)
            if self._model.contracts[each.message].identity is not None:
                self.identified.add(message)
        elif each.begins == "now":
            self.begins.add(name)
        elif each.role is TOGETHER:
            self.followers[message].append((each.role.name, name))
            self.beside.add(name)

    def is_refused(self, run: Run) -> bool:
        """Whether a run has ended with a declared refusal, possibly raised in a task group. Another failure in the
        group takes precedence."""
        inner = all_of(run.error)
        if any(not isinstance(each, (Refusal, CallError, ConnectionError, BaseExceptionGroup)) for each in inner):
            return False
        refusals = [type(each).__name__ for each in inner if isinstance(each, Refusal)]
        return refusals[0] in self._refusals.get(run.handler, ()) if refusals else False


class Facts(Declared):
    """The stores and the tape together."""

    def __init__(self, tape: Tape, declared: ContextMap, files: Files, stopped: Collection[str]) -> None:
        super().__init__(declared)
        self.tape = tape
        self.stopped = stopped
        projections = {f"{each.name}.{kept.__name__}" for each in declared.contexts for kept in each.projections}
        self.news: dict[Place, set[str]] = {}
        """The contents of fields that only the second release knows."""
        self.marks: dict[Place, list[str]] = {}
        """What documents say of each event that they have taken up: its path, and the release that has done so."""
        self.buried: dict[str, int] = {}
        """What stood in aggregates that were removed, and the number of the run that has removed it."""
        self.holders: dict[tuple[str, str], str] = {}
        """Who has which value, by the kind of aggregates that claim them."""
        self.noted: dict[Place, list[str]] = {}
        """What is noted of aggregates: the values that they have."""
        self.held: dict[Place, list[str]] = {}
        """What aggregates say themselves."""
        self.unfolded: list[Verdict] = []
        """What is wrong with streams, and with their heads."""
        self.kept, self.documents = self._state(files, projections)
        for each in declared.contexts:
            if asks_for_sql(each):
                self.kept |= _rows(files, each.name)
        self.letters = _letters(files)
        self.left_behind = [
            Verdict("lost", f"{path} waits for {name}, and nobody tries it again: its key is not parked")
            for name, path in _without_key(files)
        ]
        """Letters of keys that were not retried."""
        self.runs: defaultdict[tuple[str, str], list[Run]] = defaultdict(list)
        self._children: defaultdict[int, list[Run]] = defaultdict(list)
        for run in tape.runs:
            self.runs[run.handler, run.path].append(run)
            if run.handler in self.beside and run.whole:
                self._children[run.parent].append(run)
        self.stored: dict[str, tuple[Place, int]] = {
            entry: (place, at) for place, entries in self.kept.items() for at, entry in enumerate(entries)
        }
        """Where each entry is stored."""
        self.committed = {entry.rpartition("#")[2] for entry in self.stored}
        """The numbers of the runs that are stored."""
        self.replied = {call.said for calls in tape.calls.values() for call in calls if call.outcome == "reply"}
        """The numbers of the runs that a caller was told of."""
        self._allowed: dict[str, int] = {}
        self._wishes = self._most()
        self._expected = self._times_said()

    def _state(
        self, files: Files, projections: Collection[str]
    ) -> tuple[dict[Place, list[str]], dict[Place, list[str]]]:
        kept: dict[Place, list[str]] = {}
        documents: dict[Place, list[str]] = {}
        graves: list[tuple[float, Place, list[str]]] = []
        """One after the other: who makes an aggregate again has seen that it was removed."""
        for context in files.contexts:
            for kind, id, body in files.rows(context, "SELECT kind, id, body FROM state WHERE length(body) > 0"):
                if kind.endswith((" seen", " polled", " read models")) or kind.startswith(" base of "):
                    continue  # of foreign sources, and of rebuilds
                found: dict[str, Any] = json.loads(body)
                if (now := files.named(kind)) is None:
                    continue  # a version of a read model that is not live
                kind = now
                if is_head(found):
                    found, wrong = folded(files, Place(kind, id), found)
                    self.unfolded += wrong
                if kind.endswith(GRAVE):
                    graves.append((found["at"], Place(found["kind"], found["of"]), found["entries"]))
                    self.buried |= dict.fromkeys(found["entries"], int(id.partition(" ")[0]))
                    continue
                if kind.endswith(" claim"):
                    self.holders[kind.removesuffix("Mark claim"), id] = found["by"]
                    continue
                if kind.endswith(" claims"):
                    of = Place(kind.removesuffix(" claims"), id)
                    self.noted[of] = sorted(value for _, value in found["values"])
                    continue
                self.held[Place(kind, id)] = sorted(found.get("held", ()))
                (documents if kind in projections else kept)[Place(kind, id)] = found.get("entries", [])
                self.marks[Place(kind, id)] = found.get("marks", [])
                self.news[Place(kind, id)] = set(_news(found))
        for _, place, entries in sorted(graves, reverse=True):
            kept[place] = entries + kept.get(place, [])
        return kept, documents

    def is_stored(self, run: Run) -> bool:
        """Whether its changes are stored."""
        return f"{run.number}" in self.committed

    def is_committed(self, run: Run) -> bool:
        """Whether it is known to be committed."""
        return f"{run.number}" in self.committed or f"{run.number}" in self.replied

    def with_those_beside(self, run: Run) -> list[Run]:
        """A run and the `together` reactions to its events, which are committed with it."""
        return [run, *(found for child in self._children[run.number] for found in self.with_those_beside(child))]

    def allowed(self, path: str) -> int:
        """How often effects of a path may occur: a handler may send the same twice, and several messages may lead to
        it."""
        if not path:
            return 1
        known = self._allowed.get(path)
        if known is None:
            most = self._wishes.get(path, {})
            times = [count * self.allowed(by) for (_, by), count in most.items()]
            if path.startswith(ALIKE) and times:
                known = sum(times)
            else:
                known = max(most.values(), default=1) * self.allowed(_parent_of(path))
            self._allowed[path] = known
        return known

    def expected(self, path: str) -> int:
        """How often a message with this path was sent by runs that are stored or that a caller was told of."""
        return self._expected.get(path.removesuffix("!"), 0)

    def _times_said(self) -> Counter[str]:
        found = Counter[str]()
        written = [each for run in self.tape.runs if self.is_committed(run) for each in self.with_those_beside(run)]
        for run in dict.fromkeys(written):
            found.update(self._said(run))
        return found

    def _most(self) -> dict[str, dict[tuple[str, str], int]]:
        """The most times that a run has called or sent each path for one message."""
        most: defaultdict[str, dict[tuple[str, str], int]] = defaultdict(dict)
        for run in self.tape.runs:
            calls = Counter(call.path for call in run.calls if call.key is None)
            for path, count in (calls | self._said(run)).items():
                known = most[path].get((run.handler, run.path), 1)
                most[path][run.handler, run.path] = max(known, count)
        return most

    def _said(self, run: Run) -> Counter[str]:
        identified = {said.path for said in run.said if said.type in self.identified}
        return Counter([*identified, *(said.path for said in run.said if said.path not in identified)])


def _parent_of(path: str) -> str:
    """The path of the message that a path comes from."""
    return path[:-1] if path.endswith("!") else path.rpartition("/")[0]


def _news(found: Any) -> Iterator[str]:
    """The texts in newer fields, at every depth."""
    for name, value in found.items() if isinstance(found, dict) else ():  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]  # of any
        if name in NEWS:
            yield from [value] if isinstance(value, str) else value
        else:
            yield from _news(value)
    for value in found if isinstance(found, list) else ():  # pyright: ignore[reportUnknownVariableType]  # the same
        yield from _news(value)


def _rows(files: Files, context: str) -> dict[Place, list[str]]:
    """The rows that handlers have written into their own table, in order of their runs."""
    found: defaultdict[Place, list[str]] = defaultdict(list)
    for key, entry in files.rows(context, f"SELECT key, entry FROM {NOTE} ORDER BY run"):  # noqa: S608  a name of ours
        found[Place(f"{context}.{NOTE}", key)].append(entry)
    return found


def _letters(files: Files) -> set[tuple[str, str]]:
    """The subscriptions with a waiting message, and its path."""
    rows: list[Any] = [
        row
        for context in files.contexts
        for row in files.rows(context, "SELECT subscription, payload FROM letter WHERE discarded_at IS NULL")
    ]
    return {(now, _path_in(payload)) for name, payload in rows if (now := files.named(name)) is not None}


def _without_key(files: Files) -> list[tuple[str, str]]:
    rows: list[Any] = [
        row
        for context in files.contexts
        for row in files.rows(
            context,
            "SELECT subscription, payload FROM letter WHERE discarded_at IS NULL AND"
            " (subscription, source, channel, part, key) NOT IN"
            " (SELECT subscription, source, channel, part, key FROM parked)",
        )
    ]
    return [(name, _path_in(payload)) for name, payload in rows]


def _path_in(payload: bytes) -> str:
    """The path of a message of ours, or of a foreign one."""
    said: dict[str, Any] = json.loads(payload)
    return str(said.get("body", said).get("path", ""))
