"""The results of a tested step, and their comparison with what the test expects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Self

from typing_extensions import TypeVar

from remit.domain import Aggregate, Projection, Record
from remit.errors import RemitError
from remit.messages import Codec, Command, DomainEvent, IntegrationEvent, Query, Refusal
from remit.testing.differences import as_carried, require_messages, require_same, same, shown
from remit.testing.mistakes import KitError

R = TypeVar("R")
E = TypeVar("E")


@dataclass(eq=False)
class Outcome(Generic[R]):
    """The results of a step. Each method compares one part with what is expected, raises `AssertionError` with the
    differences, and returns the outcome, so that calls can be chained.

    Each method also raises `AssertionError` for a refusal that the test has neither named by `then` nor looked at by
    `refusal` before.
    """

    recorded: list[DomainEvent] = field(default_factory=list[DomainEvent])
    """The recorded domain events, in order."""
    published: list[IntegrationEvent] = field(default_factory=list[IntegrationEvent])
    """The integration events that the context published, in order."""
    sent: list[Command[Any, Any]] = field(default_factory=list[Command[Any, Any]])
    """The commands sent for later, in order."""
    called: list[Command[Any, Any] | Query[Any, Any]] = field(default_factory=list[Command[Any, Any] | Query[Any, Any]])
    """The commands and queries called by `Sender`, in order."""
    answer: Any = None
    """The reply, if it was not refused."""
    states: list[Aggregate[Any, Any] | Record[Any]] = field(default_factory=list[Aggregate[Any, Any] | Record[Any]])
    """The aggregates and records after the step."""
    _refusal: Refusal | None = None
    _is_refusal_seen: bool = field(default=False, repr=False)

    @property
    def refusal(self) -> Refusal | None:
        """The refusal that the step ended with, or None. A test that has looked at it expects it."""
        self._is_refusal_seen = True
        return self._refusal

    @refusal.setter
    def refusal(self, refusal: Refusal | None) -> None:
        self._refusal = refusal

    @property
    def reply(self) -> R:
        """The reply. Raises `AssertionError` if the step was refused."""
        self._require_reply()
        answer: R = self.answer
        return answer

    def then(self, *expected: DomainEvent | Refusal) -> Self:
        """Expects exactly these domain events, in this order; or that the step ended with this refusal.

        Without arguments, expects no event and no refusal. Raises `KitError` for more than one refusal, and for a
        message of another kind.
        """
        __tracebackhide__ = True
        _require_facts(expected)
        refusals = [each for each in expected if isinstance(each, Refusal)]
        if len(refusals) > 1:
            raise KitError(
                f"{len(refusals)} refusals are expected", where="then", expected="one refusal at most",
                next="write a test for each",
            )  # fmt: skip
        if refusals:
            self._require_refusal(refusals[0])
        events = [each for each in expected if not isinstance(each, Refusal)]
        require_messages("recorded", events, self.recorded, None if refusals else self._refusal)
        if not refusals:
            self._require_reply()
        return self

    def replies(self, reply: R) -> Self:
        """Expects this reply, or this answer to a query."""
        __tracebackhide__ = True
        self._require_reply()
        require_same("the reply", self._as_received(reply), self.answer)
        return self

    def publishes(self, *events: IntegrationEvent) -> Self:
        """Expects exactly these published integration events, in this order."""
        __tracebackhide__ = True
        require_messages("published", events, self.published, self._refusal)
        self._require_seen()
        return self

    def sends(self, *commands: Command[Any, Any]) -> Self:
        """Expects exactly these commands sent for later, in this order."""
        __tracebackhide__ = True
        require_messages("sent for later", commands, self.sent, self._refusal)
        self._require_seen()
        return self

    def calls(self, *messages: Command[Any, Any] | Query[Any, Any]) -> Self:
        """Expects exactly these commands and queries called by `Sender`, in this order."""
        __tracebackhide__ = True
        require_messages("called", messages, self.called, self._refusal)
        self._require_seen()
        return self

    def leaves(self, *states: Aggregate[Any, Any] | Record[Any]) -> Self:
        """Expects these aggregates and records after the step. Each is compared with the one of its class and identity;
        there may be others. Raises `KitError` without a state: that would compare nothing."""
        __tracebackhide__ = True
        if not states:
            raise KitError(
                "no state is expected", where="leaves", expected="aggregates or records to compare with",
                next="leave it out, or compare .states",
            )  # fmt: skip
        for expected in states:
            place = f"{type(expected).__name__} {expected.id!r}"
            found = [
                each for each in self.states if type(each) is type(expected) and same(each.id, as_carried(expected).id)
            ]
            if not found:
                there = ", ".join(f"{type(each).__name__} {each.id!r}" for each in self.states) or "nothing"
                raise AssertionError(f"there is no {place} afterwards\n  there is: {there}") from self._refusal
            require_same(place, expected, found[0])
        self._require_seen()
        return self

    def _as_received(self, reply: Any) -> Any:
        """An expected reply as its caller would receive it. Unchanged if it could not be sent."""
        return reply

    def _require_refusal(self, expected: Refusal) -> None:
        __tracebackhide__ = True
        refusal = self.refusal
        if refusal is None:
            done = ", ".join(map(shown, self.recorded)) or "nothing"
            raise AssertionError(f"not refused\n  expected: {shown(expected)}\n  recorded: {done}")
        if type(refusal) is not type(expected):
            raise AssertionError(
                f"another refusal\n  expected: {shown(expected)}\n  was: {shown(refusal)}"
            ) from refusal
        require_same(f"the refusal {type(expected).__name__}", expected, refusal)

    def _require_reply(self) -> None:
        __tracebackhide__ = True
        if self._refusal is not None:
            raise AssertionError(
                f"it was refused, which the test does not expect\n  was: {shown(self._refusal)}\n"
                f"  Next: mend it, or expect it first, by .then({type(self._refusal).__name__}(...))"
            ) from self._refusal

    def _require_seen(self) -> None:
        __tracebackhide__ = True
        if not self._is_refusal_seen:
            self._require_reply()


class Handled(Outcome[R]):
    """The results of a handler. Its reply is compared as its caller would receive it."""

    codec: Codec[Any] | None = None
    """The codec of the reply; None before the handler has ended."""

    def _as_received(self, reply: Any) -> Any:
        if self.codec is None:
            return reply
        try:
            return self.codec.read(self.codec.write(reply))
        except RemitError:
            return reply


def _require_facts(expected: Sequence[object]) -> None:
    """A test that no type checker has seen may expect anything."""
    __tracebackhide__ = True
    for each in expected:
        if not isinstance(each, DomainEvent | Refusal):
            name = type(each).__name__
            by = next((by for kind, by in _COMPARED_BY.items() if isinstance(each, kind)), "replies")
            raise KitError(
                f"{name} is neither recorded nor a refusal", where="then", expected="domain events, or a refusal",
                next=f".{by}({name}(...))",
            )  # fmt: skip


_COMPARED_BY: dict[type, str] = {IntegrationEvent: "publishes", Command: "sends", Aggregate: "leaves", Record: "leaves"}
"""What compares a thing that `then` does not."""


@dataclass(eq=False)
class Answered(Generic[R]):
    """The answer to a query."""

    outcome: Outcome[R]

    @property
    def answer(self) -> R:
        """The answer. Raises `AssertionError` if the query was refused."""
        return self.outcome.reply

    def then(self, expected: R | Refusal) -> Self:
        """Expects this answer, or this refusal. Raises `AssertionError` with the differences."""
        __tracebackhide__ = True
        if isinstance(expected, Refusal):
            self.outcome.then(expected)
        else:
            self.outcome.replies(expected)
        return self

    def calls(self, *messages: Command[Any, Any] | Query[Any, Any]) -> Self:
        """As `Outcome.calls`."""
        __tracebackhide__ = True
        self.outcome.calls(*messages)
        return self


@dataclass(eq=False)
class Published:
    """The result of a publisher."""

    made: Sequence[IntegrationEvent]
    """The integration event; empty if the publisher returned None."""

    def then(self, *events: IntegrationEvent) -> Self:
        """Expects this integration event, or none. Raises `AssertionError` with the differences."""
        __tracebackhide__ = True
        require_messages("published", events, self.made)
        return self


@dataclass(eq=False)
class Folded(Generic[E]):
    """The document of a projection after some events."""

    document: Projection[Any, E] | None
    """The document of the last event; None without an event, and after an event that has removed its row."""

    def then(self, expected: Projection[Any, E] | None) -> Self:
        """Expects this document, or None. Raises `AssertionError` with the differences."""
        __tracebackhide__ = True
        if self.document is None and expected is None:
            return self
        if self.document is None:
            why = "there was no event, or the last one has removed its row"
            raise AssertionError(f"there is no document, because {why}\n  expected: {shown(expected)}")
        if expected is None:
            raise AssertionError(f"there is a document\n  expected: none\n  was: {shown(self.document)}")
        if type(self.document) is not type(expected):
            raise AssertionError(
                f"another kind of document\n  expected: {shown(expected)}\n  was: {shown(self.document)}"
            )
        require_same(f"the document {type(expected).__name__}", expected, self.document)
        return self
