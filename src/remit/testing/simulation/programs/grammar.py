"""The parts of a generated program: contexts, aggregates, messages, handlers and calls. Data only.

Fields called expressions hold Python source for the program.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias

__all__ = [
    "BY", "MADE", "Add", "Branch", "Change", "Fail", "Gather", "Guard", "Handler", "Insert", "Kept", "Later", "Look",
    "Message", "Posted", "Program", "Publish", "Put", "Question", "Rebuilding", "Refuse", "Rollout", "Root", "Select",
    "Send", "Source", "Statement", "Swallow", "Take", "Wait", "inner", "uses",
]  # fmt: skip


BY = ("by", "str", '"another"')
"""An additional field of an event, by which another release orders it."""
MADE = ("made", "int = field(default_factory=lambda: release)", "1")
"""An additional field of a command, with a different default in each release."""


@dataclass(frozen=True)
class Look:
    """Loads an aggregate without changing it."""

    kept: str
    key: str
    get: bool = False
    """Whether it must exist."""


@dataclass(frozen=True)
class Change:
    """Loads or makes an aggregate, changes it, and has it record events."""

    kept: str
    key: str
    events: tuple[str, ...] = ()
    event_key: str = "message.key"
    """If it contains NUMBER, each event has a key of its own."""
    equal: bool = False
    """Whether those of one class say the same."""
    remove: bool = False
    """Whether it is removed then, if it is there. Otherwise nothing is done."""


@dataclass(frozen=True)
class Add:
    """Adds an aggregate that must not exist."""

    kept: str
    key: str
    absent: bool = False
    """Whether it is looked for before, and only changed if it is there."""


@dataclass(frozen=True)
class Take:
    """Claims a value for an aggregate, which is made if it is not there."""

    kept: str
    key: str
    value: str
    """An expression."""
    how: str = "take"
    """Or "give up"; or "find" for whoever has it, which changes nothing."""


@dataclass(frozen=True)
class Put:
    """Puts a record in the place of the one that is there, if there is one."""

    kept: str
    key: str
    how: str = "put"
    """Or "first" where it matters that there is none; or "delete"; or "page" for a list, which changes nothing."""


@dataclass(frozen=True)
class Publish:
    """Publishes an event without an aggregate, behind all that aggregates record."""

    event: str
    """A domain event."""
    key: str
    public: bool = False
    """Whether it is the integration event that would be published of it."""


@dataclass(frozen=True)
class Send:
    """Calls a command and awaits its answer."""

    command: str
    key: str
    catch: str = ""
    """What is caught: nothing, "refusal" (by `attempt`), or "all"."""
    deadline: float = 0.0
    """In seconds; 0 for the default."""
    times: int = 1
    equal: bool = False
    """Whether the calls have equal contents."""
    shared: bool = False
    """Under a key of its own, so that it is applied once for all messages with this key."""
    varies: str = ""
    """An expression for other contents of a command with an identity, different in each run."""
    again: bool = False
    """Whether it has the same identity as another statement with this flag: applied once for both."""
    alike: bool = False
    """Whether it is equal for all messages with this key, and applied for each of them."""


@dataclass(frozen=True)
class Later:
    """Sends a command for later."""

    command: str
    key: str
    times: int = 1
    """How often it is sent."""
    again: bool = False
    """Whether it has the same identity as another statement with this flag: applied once for both."""


@dataclass(frozen=True)
class Gather:
    """Runs several statements in parallel."""

    branches: tuple[tuple[Statement, ...], ...]
    how: str = "gather"
    """Or "group" for a task group, or "returned" for `return_exceptions`."""


@dataclass(frozen=True)
class Wait:
    """Waits for some time."""

    seconds: float
    meet: bool = False
    """Whether it waits until the next multiple of that time, which is the same for all."""


@dataclass(frozen=True)
class Branch:
    """Runs one of two blocks."""

    test: str
    then: tuple[Statement, ...]
    otherwise: tuple[Statement, ...] = ()


@dataclass(frozen=True)
class Refuse:
    """Raises a refusal."""

    test: str
    declared: bool = True
    returned: bool = False
    """Whether the refusal is returned, so that what was decided is committed; in a branch of a gather it is raised."""


@dataclass(frozen=True)
class Fail:
    """Raises an error, as a bug does."""

    test: str
    error: str
    """An expression."""


@dataclass(frozen=True)
class Swallow:
    """Waits and swallows cancellations."""

    seconds: float


@dataclass(frozen=True)
class Insert:
    """Inserts a row into a user's table."""

    key: str
    mark: str = ""
    """An expression for a unique column; empty for none."""
    catch: str = ""
    """What happens on a unique violation: nothing is caught, "go on", or "refuse"."""


@dataclass(frozen=True)
class Select:
    """Reads the rows with a key."""

    key: str


Statement: TypeAlias = (
    Add | Look | Change | Take | Put | Publish | Send | Later | Gather | Wait | Branch | Refuse | Fail | Swallow
    | Insert | Select
)  # fmt: skip


@dataclass(frozen=True)
class Kept:
    """An aggregate, or a projection."""

    name: str
    context: str
    folds: tuple[str, ...] = ()
    """The events of a projection; empty for an aggregate."""
    news: str = ""
    """Where the second release has an additional field: "field" in the class itself; in values of a "list", a "set" or
    a "dict"; in its "own" value or its "data" dataclass."""
    since: int = 1
    """The release that has it first."""
    record: bool = False
    """Whether it is a record, and no aggregate."""
    shaped: bool = False
    """Whether it has fields of one of several shapes, another one after each change."""
    fails: str = ""
    """Of a projection: an expression for an event that it fails at until its bug is fixed; empty for none."""
    sourced: bool = False
    """Whether it is an event-sourced aggregate."""
    rows: bool = False
    """Whether a row model has a row for each of its entries."""
    upcast: bool = False
    """Of an event-sourced aggregate: whether its events have another version in the second release."""
    removes: bool = False
    """Of one with rows: whether another row model counts its entries, and removes its rows again and again."""
    adopted: bool = False
    """Whether it is stored as state in the first release, and event-sourced in the second."""
    held: bool = False
    """Of an event-sourced aggregate: whether a row model has a row for each, which rebuilds make of their states."""
    promises: str = ""
    """Of a projection: how old it may be, an expression; empty if it promises nothing."""


@dataclass(frozen=True)
class Message:
    """A command or an event."""

    name: str
    context: str
    keyed: bool = True
    """Whether its field `key` is the ordering key."""
    extra: tuple[tuple[str, str, str], ...] = ()
    """Additional fields: name, type, and constant value; both are expressions."""
    identity: bool = False
    """Of a command: whether its path is its identity."""
    ahead: bool = False
    """Of a command: whether its key is the first field, so that the handler's load is predicted."""
    told: str = ""
    """Of a domain event: the integration event that is published of it."""
    same: bool = False
    """Whether it is published as that one, field by field."""
    news: bool = False
    """Whether the second release has an additional field and uses it. A command with it needs an identity."""
    newer: bool = False
    """Whether the second release publishes a second version too."""
    shaped: bool = False
    """Of an event: whether it has a field of one of several shapes."""
    rekeyed: bool = False
    """Whether the second release orders the integration event by another field, `BY`: then it does not start."""


@dataclass(frozen=True)
class Handler:
    """The handler of a command, or a reaction."""

    name: str
    context: str
    messages: tuple[str, ...]
    body: tuple[Statement, ...]
    role: str = "command"
    """Or "reaction", or "together"."""
    refuses: bool = False
    """Whether the command declares the refusal."""
    draws: str = ""
    """An expression of what it is given at its beginning and sends on as a key: an identity or the time."""
    enveloped: bool = False
    """Whether it asks for the envelope of its message."""
    prompt: bool = False
    """Whether its first statement runs at once; other handlers wait a little first."""
    since: int = 1
    """The release that has it first."""
    begins: bool = False
    """Of a reaction: whether it begins with what is written from now on."""
    style: str = ""
    """Of a reaction: nothing for a function; "policy" for a class, and "base" for a function that names the class which
    all domain events of its context inherit from."""


@dataclass(frozen=True)
class Guard:
    """An interceptor. Those of a context stand around its handlers in their order, the first one outermost."""

    context: str
    how: str = ""
    """Nothing for one that lets all through; "answers" itself, "raises" before or "spoils" after the handler has run,
    or "hides" what the handler has raised."""
    test: str = "True"
    """When it does so: an expression of the message, and of the run."""


@dataclass(frozen=True)
class Root:
    """A call from outside."""

    path: str
    command: str
    key: str
    """The key that it is about: a text, not an expression."""
    at: float
    wish: str | None
    """Its idempotency key; None for none."""
    deadline: float = 10.0
    tries: int = 6
    copies: int = 1
    """How many clients make it in parallel."""
    anew: bool = False
    """Whether a call that changed nothing is repeated under another key."""


@dataclass(frozen=True)
class Question:
    """A query from outside with a fresh answer: the state under a key, after everything that was answered before."""

    kept: str
    """An aggregate or a projection."""
    key: str
    """A text, not an expression."""
    at: float
    aged: bool = False
    """Whether it asks for what a projection shows at that moment, and for its age."""


@dataclass(frozen=True)
class Posted:
    """A foreign message."""

    id: str
    path: str
    key: str
    """The thing that it is about."""
    version: int
    at: tuple[float, ...]
    """When it is sent, each time until somebody has accepted it. Or the second since when a polled API has it."""
    how: str = ""
    """Nothing for a translation to commands; "fails" for one that has a bug until it is mended; or "nothing"."""


@dataclass(frozen=True)
class Source:
    """Where foreign messages come from, and the commands that each of them is translated to."""

    name: str
    context: str
    commands: tuple[str, ...]
    posted: tuple[Posted, ...]
    """Those of a polled API in its order."""
    polled: bool = False
    order: str = ""
    """What says which message is the newer one: nothing, "version" or "at"."""
    entity: bool = True
    """Whether messages say what they are about."""
    page: int = 2
    """How many messages a fetch brings, at most."""

    @property
    def handler(self) -> str:
        """The subscription that translates."""
        return f"{self.context}.foreign:{self.name}"


@dataclass(frozen=True)
class Rollout:
    """A second release that is rolled out to one process after the other."""

    at: tuple[float, ...]
    """When it is rolled out, rolled back, rolled out again."""
    contexts: tuple[str, ...]
    """Whose processes."""


@dataclass(frozen=True)
class Rebuilding:
    """A rebuild of a read model, `at` some seconds after the beginning, with `page` messages in one transaction."""

    model: str
    at: float
    page: int
    back: bool = False
    """Whether the version before becomes live again afterwards."""


@dataclass(frozen=True)
class Program:
    """A system and its callers."""

    contexts: tuple[str, ...]
    kept: tuple[Kept, ...]
    commands: tuple[Message, ...]
    events: tuple[Message, ...]
    handlers: tuple[Handler, ...]
    roots: tuple[Root, ...]
    questions: tuple[Question, ...] = ()
    rollout: Rollout | None = None
    guards: tuple[Guard, ...] = ()
    idle: tuple[str, ...] = ()
    """Contexts that have nothing: no handler, and nothing that is kept."""
    headers: bool = False
    """Whether a header says which call from outside everything comes of."""
    related: int = 0
    """The seed of its relations; 0 for none."""
    layered: bool = False
    """Whether its anti-corruption layers have modules, with reactions in them."""
    sources: tuple[Source, ...] = ()
    rebuilds: tuple[Rebuilding, ...] = ()
    halts: tuple[tuple[str, float, float], ...] = ()
    """Projections that do not get on, maybe with one source only: `<context>.<class>` or `<context>.<class> <source>`,
    from when on (seconds after the beginning), and for how long."""
    after: bool = False
    """Whether callers ask, after an answer, for documents that include what their command has written."""

    def size(self) -> int:
        """How much there is to read."""
        bodies = sum(1 for handler in self.handlers for _ in inner(handler.body))
        parts = (self.contexts, self.kept, self.commands, self.events, self.handlers, self.roots, self.questions)
        messages = (*self.commands, *self.events)
        extras = sum(len(each.extra) + len(each.told) + each.news + each.newer + each.rekeyed for each in messages)
        extras += sum(bool(each.news) + bool(each.promises) + each.sourced + each.rows for each in self.kept)
        extras += sum(each.upcast + each.removes + each.adopted + each.held for each in self.kept)
        extras += 1 + len(self.rollout.at) if self.rollout else 0
        extras += len(self.guards) + self.headers + len(self.idle) + bool(self.related) + self.layered
        extras += sum(1 + len(each.commands) + len(each.posted) for each in self.sources)
        extras += sum(1 + each.back for each in self.rebuilds) + len(self.halts) + self.after
        return bodies + sum(map(len, parts)) + extras + sum(root.copies for root in self.roots)


def inner(body: tuple[Statement, ...]) -> Iterator[Statement]:
    """All statements, including nested ones."""
    for each in body:
        yield each
        for name in fields(each):
            value: Any = getattr(each, name.name)
            if name.name == "branches":
                for branch in value:
                    yield from inner(branch)
            elif name.name in ("then", "otherwise"):
                yield from inner(value)


@dataclass(frozen=True)
class Uses:
    """What statements name."""

    kept: list[str] = field(default_factory=list[str])
    sent: list[str] = field(default_factory=list[str])
    later: list[str] = field(default_factory=list[str])
    recorded: list[str] = field(default_factory=list[str])
    published: list[Publish] = field(default_factory=list[Publish])
    rows: bool = False
    """Whether they write or read rows."""
    removes: bool = False
    """Whether they remove aggregates or delete records."""
    claimed: list[str] = field(default_factory=list[str])
    """The aggregates for which values are claimed."""


def _removes(each: Statement) -> bool:
    return (isinstance(each, Change) and each.remove) or (isinstance(each, Put) and each.how == "delete")


def uses(body: tuple[Statement, ...]) -> Uses:
    """What a body names, each once, in order."""
    every = list(inner(body))
    rows = any(isinstance(each, (Insert, Select)) for each in every)
    found = Uses(rows=rows, removes=any(_removes(each) for each in every))
    for each in every:
        if isinstance(each, (Add, Look, Change, Take, Put)) and each.kept not in found.kept:
            found.kept.append(each.kept)
        if isinstance(each, Take) and each.kept not in found.claimed:
            found.claimed.append(each.kept)
        if isinstance(each, Change):
            found.recorded.extend(event for event in each.events if event not in found.recorded)
        if isinstance(each, Publish):
            found.recorded.extend([] if each.event in found.recorded else [each.event])
            found.published.append(each)
        if isinstance(each, Send) and each.command not in found.sent:
            found.sent.append(each.command)
        if isinstance(each, Later) and each.command not in found.later:
            found.later.append(each.command)
    return found
