"""What can go wrong, and what a check has found: several faults, told together.

RemitError
├── ModelError            the declared system does not hold together: all findings of a check
├── ServiceError          a service of the user's could not be made at start
├── ListenerError         a listener does not say to which events it listens
├── CallError             a call did not end with a reply or a declared refusal
│   ├── HandlerFailed     the handler that was called failed
│   ├── Diverged          a handler that was run again decided differently from the run before
│   ├── Unavailable       the other side could not be reached or could not do it now; nothing was changed
│   │   ├── Overloaded    refused before any work, because too much is waiting
│   │   └── StoreUnavailable  the context's store cannot be read or written now
│   ├── DeadlineExceeded  the deadline passed before the outcome; the command itself has changed nothing
│   ├── OutcomeUnknown    the change may or may not have been made; ask again with the same key
│   ├── TooLarge          the message is larger than a channel carries, or what it writes than a store takes
│   ├── ReplyTooLarge     it was handled, applied or refused; what it says is larger than the channel carries
│   └── KeyReused         the idempotency key was used before, for another message
├── BadMessage            bytes or fields that are not the message they claim to be
├── BadValue              a value that could not be read again, once it is stored or sent
├── BadKey                a text that cannot be an identity or a key
├── NotFound              no aggregate or document has this identity
├── AlreadyExists         an aggregate was added whose identity is taken
├── Unstorable            an identity, key or text that the store cannot hold
├── Stale                 a fresh answer was asked for and cannot be given
├── Conflict              somebody else wrote first (the runtime reruns; users do not see it)
├── SecondAggregate       one message wrote two aggregates
├── NotAdded              an event was recorded on an aggregate that no repository has
├── OutboxError           a message cannot be published in this transaction
├── SqlError              a handler's own statement cannot be run
│   └── ConstraintViolated    it would have broken a constraint
├── StoreError            a store that cannot be used as it is (corrupt, newer, read-only)
└── ChannelError          a channel that cannot be used as it is (wrong credentials, a broker that is too old)

A *refusal* (`remit.Refusal`) is no error of this tree: it is a declared answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

E = TypeVar("E", bound="RemitError")

_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""What a terminal obeys, or nobody sees, or cannot be printed: controls, changes of direction, halves of characters."""
_INDENT = "    "


def visible(text: str) -> str:
    """A text of whoever it may be, as it may stand in a log or on a terminal.

    What nobody sees is written as in JSON, `\\u001b`. Further lines are indented, so that none looks like a new entry.
    """
    if "\n" in text:
        first, *others = text.split("\n")
        text = "\n".join([first, *(line if line.startswith(_INDENT) else _INDENT + line for line in others)])
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def another(error: E) -> E:
    """The same error anew, so that each place where it is raised has a traceback of its own."""
    return type(error)(error.what, where=error.where, expected=error.expected, next=error.next)


def one_of(names: Iterable[str], otherwise: str = "a known name, and there is none") -> str:
    """What was expected where one of several names was; `otherwise` where there is no name at all."""
    listed = ", ".join(names)
    return f"one of: {listed}" if listed else otherwise


def told(code: str, where: str, what: str, expected: str, next: str) -> str:
    """An error or a finding in full, as people see it."""
    lines = [f"{code}  {visible(where)}".rstrip(), f"  {visible(what)}"]
    if expected:
        lines.append(f"  Expected: {visible(expected)}")
    if next:
        lines.append(f"  Next: {visible(next)}")
    return "\n".join(lines)


class RemitError(Exception):
    """The root of everything `remit` raises. `code` is stable and documented."""

    code = "remit"
    answered = False
    """Whether a call has ended with it, or could not be made. A handler that lets what it called end so has failed
    itself. Written on what is made for one call only, never on what a handler has raised."""

    def __init__(self, what: str, *, where: str = "", expected: str = "", next: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.expected = expected
        self.next = next

    def __str__(self) -> str:
        return told(self.code, self.where, self.what, self.expected, self.next)


@dataclass(frozen=True)
class Finding:
    """One thing that does not hold: what, where, what was expected, and what to type next."""

    code: str
    where: str
    what: str
    expected: str = ""
    next: str = ""

    def __str__(self) -> str:
        return told(self.code, self.where, self.what, self.expected, self.next)


class ModelError(RemitError):
    """The declared system does not hold together. Raised at start, with every finding at once."""

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
    """What does not hold, on its way; `settle` raises it together. Notes stand beside it, and stop nobody."""

    def __init__(self, found: Iterable[Finding] = (), *, notes: Iterable[Finding] = ()) -> None:
        super().__init__(found)
        self.notes: list[Finding] = list(notes)
        """What holds, and is perhaps not meant so."""

    def note(self, code: str, where: str, what: str, *, expected: str = "", next: str = "") -> None:
        """Adds one note."""
        self.notes.append(Finding(code, where, what, expected, next))

    def report(self, code: str, where: str, what: str, *, expected: str = "", next: str = "") -> None:
        """Adds one finding."""
        self.append(Finding(code, where, what, expected, next))

    def settle(self) -> None:
        """Does nothing when there are none beside notes; otherwise raises `ModelError` with all of them."""
        if self:
            raise ModelError(findings=dict.fromkeys(self))


class ServiceError(RemitError):
    """The callable given to `Context.provide` failed when the system started."""

    code = "service.failed"


class ListenerError(RemitError):
    """A listener that cannot be told anything: it does not say of which events, or is none."""

    code = "listener.invalid"


class CallError(RemitError):
    """A call that ended neither with a reply nor with a declared refusal."""

    code = "call.failed"


class HandlerFailed(CallError):
    """The handler that was called failed: it raised something that it does not declare. Nothing that it decided was
    changed; what it had called itself may have been. Trying again helps only if the cause has gone."""

    code = "call.handler-failed"


class Diverged(CallError):
    """A handler was run again, because somebody else had written first, and decided differently from the run before.

    It has changed nothing itself. What the run before had called stays: send the command again with the same key, and
    it is decided anew; the calls that it repeats are not made twice.
    """

    code = "call.diverged"


class Unavailable(CallError):
    """The other side could not do it now. Nothing was changed; the call may be tried again."""

    code = "call.unavailable"


class Overloaded(Unavailable):
    """Refused before any work was done, because too much is waiting already. `retry_after` is in seconds."""

    code = "call.overloaded"
    retry_after: float = 0.0


class StoreUnavailable(Unavailable):
    """The store of a context cannot be read or written at the moment (locked, disk full, read-only)."""

    code = "store.unavailable"


class DeadlineExceeded(CallError):
    """The deadline passed before the change was committed. The command itself has changed nothing; what its handler had
    called stays, and is not made twice when the command is sent again with the same key."""

    code = "call.deadline"


class OutcomeUnknown(CallError):
    """The change may or may not have been committed. Call again with the same key to learn which."""

    code = "call.unknown"


class KeyReused(CallError):
    """The idempotency key was used before, for a message with another content."""

    code = "call.key-reused"


class TooLarge(CallError):
    """The message is larger than the channel between the two services carries, or what a unit of work writes is larger
    than a store takes: 16 MiB. Nothing was changed, and trying again does not help.

    A handler whose unit of work, or whose own call, is too large has failed: its caller gets `HandlerFailed`.
    """

    code = "call.too-large"


class ReplyTooLarge(CallError):
    """The call was handled by another service, and its reply is larger than the channel between the two carries. A
    command was applied, or refused: the same key changes nothing more, and what it says gets no smaller."""

    code = "call.reply-too-large"


class BadMessage(RemitError):
    """Bytes or fields that are not the message they claim to be."""

    code = "message.invalid"


class BadValue(RemitError):
    """A value that could not be read again, once it is stored or sent: an infinite number, a truth value in place of a
    whole number, what breaks a limit of its type. Its class and field are named. Nothing was changed.

    A command whose handler makes such a value ends with `HandlerFailed`, which names it too.
    """

    code = "value.invalid"


class BadKey(RemitError):
    """A text that cannot be an identity or a key: longer than 512 bytes of UTF-8, with a NUL, or no Unicode text; or a
    fraction (`float`), whose number has several texts.

    Nothing was changed. Raised for the identity of an aggregate or a document, for the key that orders messages, and
    for an idempotency key. Out of a call that a handler has made it is as with `NotFound`.
    """

    code = "key.invalid"


class NotFound(RemitError):
    """No aggregate or document has this identity. A handler that lets a call of its own end so has failed: its caller
    gets `HandlerFailed`."""

    code = "state.not-found"


class AlreadyExists(RemitError):
    """An aggregate was added whose identity another one has. Nothing was changed. Out of a call that a handler has made
    it is as with `NotFound`."""

    code = "state.exists"


class Incomplete(RemitError):
    """`Repository.obtain` was asked for an aggregate that is not there, and a field besides `id` has no default to make
    it with. The fields are named. Nothing was changed."""

    code = "state.incomplete"


class Unstorable(RemitError):
    """A value that the store cannot hold or look for: text with characters that it has no form for, or an identity or
    key that is too long. Nothing was written, and trying again does not help."""

    code = "state.unstorable"


class Stale(RemitError):
    """A fresh answer was asked for, but a message on its way to the answer is parked or stuck, or the projection that
    it is taken from began after messages had been deleted. `next` says what settles it."""

    code = "state.stale"


Lost: TypeAlias = Literal["state", "claim", "checkpoint", "parked", "letter", "sql"]
"""What was not as a unit of work expected it: the version of a state, an idempotency key, a checkpoint, a key that had
to be parked, a letter; or a row that a handler's own statement has met."""


class Conflict(RemitError):
    """Somebody else wrote first. The runtime loads again and reruns; it is neither transient nor permanent."""

    code = "store.conflict"

    def __init__(self, what: Lost, *, where: str = "", expected: str = "", next: str = "") -> None:
        super().__init__(what, where=where, expected=expected, next=next)


class SecondAggregate(RemitError):
    """A second aggregate was written for one message, by its handler or by a reaction with `together`."""

    code = "unit.second-aggregate"


class NotAdded(RemitError):
    """An event was recorded on an aggregate that was neither loaded from a repository nor added to one; or such an
    aggregate was to be removed."""

    code = "unit.not-added"


class OutboxError(RemitError):
    """A message cannot be published or sent in a transaction of the caller's. Nothing was written."""

    code = "outbox.refused"


class SqlError(RemitError):
    """A handler's own statement cannot be run as it is. Its unit of work is rolled back, whoever catches this."""

    code = "sql.failed"


class ConstraintViolated(SqlError):
    """A handler's own statements would have broken a constraint of their tables; `constraint` is its name."""

    code = "sql.constraint"
    constraint: str = ""


class StoreError(RemitError):
    """A store that cannot be used as it is: corrupt, of a newer schema, or of another context."""

    code = "store.unusable"


class ChannelError(RemitError):
    """A channel that cannot be used as it is: wrong credentials, a broker that is too old or keeps other settings."""

    code = "channel.unusable"
