"""The errors that `remit` raises, and the findings that a check collects and raises together.

RemitError
├── ModelError            the declared system is inconsistent; carries every finding of a check
├── ServiceError          a callable given to `Context.provide` failed at start
├── ListenerError         a listener does not say which events it listens to
├── CallError             a call ended with neither a reply nor a declared refusal
│   ├── HandlerFailed     the called handler raised an error that it does not declare
│   ├── Diverged          a handler was run again and decided differently than in its first run
│   ├── Unavailable       the other side could not be reached or could not answer now; nothing was changed
│   │   ├── Overloaded    the call was refused before any work, because too many calls wait
│   │   ├── TooOld        a read model is older than it promises
│   │   └── StoreUnavailable  the store of the context cannot be read or written now
│   ├── DeadlineExceeded  the deadline passed before the outcome; the command itself changed nothing
│   ├── OutcomeUnknown    the change may or may not have been made; call again with the same key
│   ├── NotAllowed        the caller has not proved its name, or may not do what it asks for
│   ├── TooLarge          the message is larger than a channel carries, or its writes are larger than a store takes
│   ├── ReplyTooLarge     the call was handled; its reply or refusal is larger than the channel carries
│   ├── NotCovered        no relation of the context map covers what a handler calls or sends for later
│   └── KeyReused         the idempotency key was used before, for another message
├── BadMessage            bytes or fields do not form the message that was expected
│   └── NotUpcast         an upcaster cannot turn what an older release has stored into the next version
├── BadValue              a value could not be read again after it was stored or sent
├── MoneyError            what is given is no amount of money
│   └── CurrencyMismatch  amounts in two currencies were added or compared
├── BadKey                a text cannot be an identity or a key
├── NoIndex               a view is filtered or ordered in a way that no declared index serves
├── NotMeasured           the age of a view was asked for, and its model promises no freshness
├── BadCursor             a cursor of a page is broken, or belongs to another query
├── BadLimit              a page was asked for that is empty, or too large
├── BadPosition           a position is broken, or belongs to another system
├── NotFound              no aggregate or document has this identity
├── AlreadyExists         an aggregate was added whose identity is taken
├── Incomplete            `Repository.obtain` cannot make a missing aggregate: a field has no default
├── Unstorable            the store cannot hold an identity, key or text
├── Stale                 a fresh answer was asked for and cannot be given
├── Conflict              another unit of work wrote first (the runtime reruns; users do not see it)
├── SecondAggregate       two aggregates were written for one message
├── NotAdded              an event was recorded on an aggregate that belongs to no repository
├── OutboxError           a message cannot be published in this transaction
├── SqlError              a statement of a handler cannot be run
│   ├── ConstraintViolated    the statement would have broken a constraint
│   └── TableNotCovered       the statement names a table of another context
├── StoreError            a store cannot be used as it is (corrupt, newer schema, read-only)
└── ChannelError          a channel cannot be used as it is (wrong credentials, a broker that is too old)

A *refusal* (`remit.Refusal`) is not part of this tree: it is a declared answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

from remit.wording import nearest as nearest
from remit.wording import one_of as one_of
from remit.wording import shown as shown
from remit.wording import told as told
from remit.wording import visible as visible

E = TypeVar("E", bound="RemitError")


def another(error: E) -> E:
    """A copy of the error. Each place that raises it then has its own traceback."""
    return type(error)(error.what, where=error.where, expected=error.expected, next=error.next)


def reason(failure: BaseException) -> str:
    """What went wrong, for an error whose text may end with the full text of the error of `remit` that caused it, as
    that of msgspec does if the constructor of a value refuses what it reads."""
    text, cause = str(failure), failure.__cause__
    return text.replace(str(cause), cause.what) if isinstance(cause, RemitError) else text


class RemitError(Exception):
    """The base class of all errors of `remit`. `code` is stable and documented."""

    code = "remit"
    advice = ""
    """What to do next, if the place that raises the error says nothing more specific."""
    answered = False
    """True if the error is the outcome of a call, or if the call could not be made. A handler that lets such an error
    escape has failed. Set only on an error that was made for one call, never on an error that a handler raised."""

    def __init__(self, what: str, *, where: str = "", expected: str = "", next: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.expected = expected
        self.next = next or self.advice

    def __str__(self) -> str:
        return told(self.code, self.where, self.what, self.expected, self.next)


@dataclass(frozen=True)
class Finding:
    """One fault that a check found: what is wrong, where, what was expected, and what to type next."""

    code: str
    where: str
    what: str
    expected: str = ""
    next: str = ""
    contexts: tuple[str, ...] = ()
    """The names of the contexts that it concerns, as far as it says so: first the one whose code is to be changed."""
    identity: str = ""
    """By what a baseline knows it, if its place and text also tell what may change: lines, names, further places."""

    def __str__(self) -> str:
        return told(self.code, self.where, self.what, self.expected, self.next)


class ModelError(RemitError):
    """The declared system is inconsistent. Raised at start; `findings` holds every finding."""

    code = "model.invalid"

    def __init__(
        self, what: str = "", *, where: str = "", expected: str = "", next: str = "", findings: Iterable[Finding] = ()
    ) -> None:
        self.findings = list(findings)
        what = what or f"{len(self.findings)} finding(s) in the model"
        super().__init__(what, where=where, expected=expected, next=next)

    def __str__(self) -> str:
        return "\n\n".join(map(str, self.findings)) or super().__str__()


class Findings(list[Finding]):
    """The findings of a check while it runs. `settle` raises them together. Notes are kept apart and raise nothing."""

    def __init__(self, found: Iterable[Finding] = (), *, notes: Iterable[Finding] = ()) -> None:
        super().__init__(found)
        self.notes: list[Finding] = list(notes)
        """Declarations that are allowed but may be mistakes."""

    def note(
        self, code: str, where: str, what: str, *, expected: str = "", next: str = "", contexts: tuple[str, ...] = (),
        identity: str = "",
    ) -> None:  # fmt: skip
        """Adds one note."""
        self.notes.append(Finding(code, where, what, expected, next, contexts, identity))

    def report(
        self, code: str, where: str, what: str, *, expected: str = "", next: str = "", contexts: tuple[str, ...] = (),
        identity: str = "",
    ) -> None:  # fmt: skip
        """Adds one finding."""
        self.append(Finding(code, where, what, expected, next, contexts, identity))

    def settle(self) -> None:
        """Raises `ModelError` with all findings, each once. Does nothing if there are only notes."""
        if self:
            raise ModelError(findings=dict.fromkeys(self))


class ServiceError(RemitError):
    """The callable given to `Context.provide` failed when the system started."""

    code = "service.failed"


class ListenerError(RemitError):
    """A listener is not usable: it is no function of one parameter, it is async, or its annotation names no event."""

    code = "listener.invalid"


class CallError(RemitError):
    """A call ended with neither a reply nor a declared refusal."""

    code = "call.failed"


class HandlerFailed(CallError):
    """The called handler raised an error that it does not declare. None of its decisions was stored. Calls that it
    made itself may have taken effect. Trying again helps only if the cause has gone."""

    code = "call.handler-failed"


class Diverged(CallError):
    """A handler was run again because another unit of work had written first, and decided differently than before.

    The command itself changed nothing. What the first run called has taken effect. Send the command again with the same
    key: the handler decides anew, and calls that it repeats take effect only once.
    """

    code = "call.diverged"


class Unavailable(CallError):
    """The other side could not be reached or could not answer now. The call changed nothing and may be repeated. If it
    escapes from a handler that made earlier calls, these may have taken effect: repeat a command with the same key."""

    code = "call.unavailable"
    advice = "call again; send a command with the same key"


class Overloaded(Unavailable):
    """The call was refused before any work, because too many calls wait. `retry_after` is in seconds."""

    code = "call.overloaded"
    advice = "call again after retry_after seconds; send a command with the same key"
    retry_after: float = 0.0


class TooOld(Unavailable):
    """A query reads a model that is older than its `Freshness` allows, and the model declares `refuse=True`."""

    code = "view.too-old"
    advice = "ask again later; remit status shows what holds the model up"


class StoreUnavailable(Unavailable):
    """The store of a context cannot be read or written now (locked, disk full, read-only)."""

    code = "store.unavailable"


class DeadlineExceeded(CallError):
    """The deadline passed before the change was committed. The command itself changed nothing. What its handler called
    has taken effect, and is not repeated when the command is sent again with the same key."""

    code = "call.deadline"
    advice = "call again with a longer deadline; send a command again with the same key"


class OutcomeUnknown(CallError):
    """The change may or may not have been committed. Call again with the same key to learn the outcome."""

    code = "call.unknown"
    advice = "send it again with the same key"


class KeyReused(CallError):
    """The idempotency key was used before, for a message with other content."""

    code = "call.key-reused"


class NotAllowed(CallError):
    """The called service has refused the call before any work: the caller has not proved its name, speaks for another
    context, or asks for something that the context map does not grant it. Nothing was changed."""

    code = "call.not-allowed"


class TooLarge(CallError):
    """The message is larger than the channel between two services carries, or the writes of a unit of work are larger
    than the 16 MiB that a store takes. Nothing was changed, and trying again does not help.

    A handler fails if its unit of work or a call that it makes is too large; its caller gets `HandlerFailed`.
    """

    code = "call.too-large"


class ReplyTooLarge(CallError):
    """Another service handled the call, but the reply is larger than the channel carries. A command was applied or
    refused. Sending it again with the same key changes nothing, and the reply stays too large."""

    code = "call.reply-too-large"


class NotCovered(CallError):
    """A handler calls a message of another context, or sends it for later, and no relation of the context map covers
    that. Nothing was called or recorded. If it escapes from a handler, its caller gets `HandlerFailed`.
    """

    code = "call.not-covered"


class BadMessage(RemitError):
    """Bytes or fields do not form the message that was expected."""

    code = "message.invalid"


class NotUpcast(BadMessage):
    """An upcaster cannot turn an old event or state into the next version: it raised, or it returned something else
    than fields. What is stored stays as it is."""

    code = "upcast.failed"
    advice = "mend the upcaster; a parked message is handled with remit parked retry"


class BadValue(RemitError):
    """A value could not be read again after it was stored or sent: an infinite number, a bool in place of an int, or a
    value that breaks a limit of its type. The text names class and field. Nothing was changed.

    If a handler of a command makes such a value, the call ends with `HandlerFailed`, which names class and field too.
    """

    code = "value.invalid"


class MoneyError(RemitError, ValueError):
    """What is given is no amount of money, or the result would be none."""

    code = "money.invalid"


class CurrencyMismatch(MoneyError):
    """Amounts in two currencies were added, subtracted or compared."""

    code = "money.currencies"


class BadKey(RemitError):
    """A value cannot be an identity or a key: it is longer than 512 bytes of UTF-8, contains a NUL or half of a
    surrogate pair, or is a `float`, whose number has several texts (1 and 1.0).

    Raised for identities of aggregates and documents, for ordering keys and for idempotency keys, and for a projection
    whose `key` returns `None`; also for a value in a filter of a view that no index holds, such as a text of more than
    512 bytes. Nothing was changed.
    If it escapes from a call that a handler made, the caller of the handler gets `HandlerFailed`.
    """

    code = "key.invalid"


class NoIndex(RemitError):
    """A handler filters or orders a view in a way that no declared index serves. `next` names the declared indexes. If
    it escapes from a handler, its caller gets `HandlerFailed`."""

    code = "view.no-index"


class NotMeasured(RemitError):
    """A handler asks for the age of a view whose model declares no `freshness=`. If it escapes from a handler, its
    caller gets `HandlerFailed`."""

    code = "view.not-measured"


class BadCursor(RemitError):
    """The cursor of a page is broken, or it comes from another query: another model, filter or order. An HTTP edge
    answers 400. If it escapes from a call that a handler made, the caller of the handler gets `HandlerFailed`."""

    code = "view.bad-cursor"


class BadLimit(RemitError, ValueError):
    """The `limit` of a page is not 1 to 1,000. An HTTP edge answers 400: it takes the limit for one that the client has
    given. If it escapes from a call that a handler made, the caller of the handler gets `HandlerFailed`."""

    code = "view.bad-limit"


def require_limit(limit: int, most: int, where: str) -> None:
    """Raises `BadLimit` unless a page may have so many entries."""
    if not 1 <= limit <= most:
        raise BadLimit(
            f"a page of {shown(limit, 40)}",
            where=where,
            expected=f"a limit from 1 to {most:,}",
            next="ask for such a page",
        )


class BadPosition(RemitError):
    """What a query is to wait for is not the position of a command in this system. An HTTP edge answers 400."""

    code = "position.invalid"


class NotFound(RemitError):
    """No aggregate or document has this identity. If it escapes from a call that a handler made, the caller of the
    handler gets `HandlerFailed`."""

    code = "state.not-found"


class AlreadyExists(RemitError):
    """An aggregate was added whose identity is taken. Nothing was changed. If it escapes from a call that a handler
    made, the caller of the handler gets `HandlerFailed`."""

    code = "state.exists"


class Incomplete(RemitError):
    """`Repository.obtain` was asked for an aggregate that does not exist, and a field other than `id` has no default.
    The text names the fields. Nothing was changed."""

    code = "state.incomplete"


class Unstorable(RemitError):
    """The store cannot hold or look up a value: the text contains a NUL or half of a surrogate pair, or the identity
    or key is too long. Nothing was written, and trying again does not help."""

    code = "state.unstorable"


class Stale(RemitError):
    """A fresh answer was asked for and cannot be given: a message on its way to the answer is parked or stuck, or
    messages had been deleted before the projection began. `next` says how to settle it."""

    code = "state.stale"
    advice = "ask without fresh, or settle what remit status shows"


Lost: TypeAlias = Literal["state", "claim", "checkpoint", "parked", "letter", "sql"]
"""What a unit of work expected and did not find: the version of a state, a free idempotency key, a checkpoint, a key
that is (or is not) parked, a letter, or a row that a statement of a handler read or wrote."""


class Conflict(RemitError):
    """Another unit of work wrote first. The runtime loads again and reruns. Neither transient nor permanent."""

    code = "store.conflict"

    def __init__(self, what: Lost, *, where: str = "", expected: str = "", next: str = "") -> None:
        super().__init__(what, where=where, expected=expected, next=next)


class SecondAggregate(RemitError):
    """Two aggregates were written for one message, by its handler or by a reaction with `together=True`."""

    code = "unit.second-aggregate"


class NotAdded(RemitError):
    """An event was recorded on an aggregate that was neither loaded from a repository nor added to one; or such an
    aggregate was removed or was to claim a value."""

    code = "unit.not-added"


class NotDeclared(RemitError):
    """An aggregate recorded an event that its class does not declare, or a publisher returned something that its
    annotation does not name. Nothing was changed."""

    code = "unit.not-declared"


class IdentityChanged(RemitError):
    """The identity of an aggregate was changed: it would be stored under another identity than it has. Nothing was
    changed."""

    code = "unit.identity-changed"


class NotFolded(RemitError):
    """An event-sourced aggregate was changed other than by its events, or its `evolve` records events. Nothing was
    changed."""

    code = "unit.not-folded"


class OutboxError(RemitError):
    """A message cannot be published or sent in a transaction of the caller. Nothing was written."""

    code = "outbox.refused"


class SqlError(RemitError):
    """A statement of a handler cannot be run as it is. The unit of work is rolled back, even if a handler catches this
    error."""

    code = "sql.failed"
    forbidden: bool = False
    """Whether no handler may use such a statement. Its text then contains no data, and the caller is told it."""


class ConstraintViolated(SqlError):
    """A statement of a handler would have broken a constraint. `constraint` is the name of the constraint."""

    code = "sql.constraint"
    constraint: str = ""


class TableNotCovered(SqlError):
    """A statement of a handler names a table of another context, or one that only other contexts share, and no
    `SharedKernel` of the context lists it. The statement was not run."""

    code = "sql.not-covered"


class StoreError(RemitError):
    """A store cannot be used as it is: corrupt, of a newer schema, or of another context."""

    code = "store.unusable"


class ChannelError(RemitError):
    """A channel cannot be used as it is: wrong credentials, a broker that is too old, or one with other settings."""

    code = "channel.unusable"


class NotPrepared(ChannelError):
    """The broker lacks what a service needs to publish its events, and this user may not create it."""

    code = "channel.not-prepared"
