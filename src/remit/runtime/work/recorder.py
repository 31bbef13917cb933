"""What a unit of work writes to the log: domain events, what is published of them, and commands sent for later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

import msgspec

from remit.contexts import Envelope
from remit.errors import BadKey
from remit.log import LATER, Channel, write_carried, write_headers, write_newer, write_wish
from remit.messages import Command, DomainEvent, key_text
from remit.runtime.plan import EventPlan, HandlerPlan
from remit.runtime.work.attempts import DERIVED, Attempt
from remit.runtime.work.called import identity_of
from remit.runtime.work.carried import carried
from remit.runtime.work.workplace import Workplace
from remit.stores import Entry

# Named tuples have a constructor written in Python. This one takes less than half the time.
_row = tuple[Any, ...].__new__


class Recorder(msgspec.Struct, eq=False):
    """The messages that a unit of work writes to the log. A struct, as `Limit`."""

    workplace: Workplace
    attempt: Attempt
    """The attempt at the current message."""
    key: str = ""
    """The ordering key for recorded messages that have none."""
    entries: list[Entry] = []
    recorded: tuple[str, float] | None = None
    """Identity and time of the event recorded last, while reactions or publishers run that ask for its envelope."""

    def record(self, event: DomainEvent, key: str, place: str = "") -> Sequence[HandlerPlan]:
        """Records a domain event and what is published of it; returns its `together` reactions. `place` is its place in
        a stream, as a header."""
        plan = self.workplace.recorded[event.__class__]
        key = self.enter(Channel.PRIVATE, plan, event, key, place)
        if plan.is_stamped:
            self.recorded = self.attempt.shown(self.entries, before_commit=bool(plan.together))
        elif not plan.publish:
            return plan.together
        made = [public for publish in plan.publish if (public := publish(event)) is not None]
        if plan.stamped:
            envelope = self.envelope()
            made += [public for publish in plan.stamped if (public := publish(event, envelope)) is not None]
        if len(made) == 1:
            self.enter(Channel.PUBLISHED, self.workplace.published[made[0].__class__], made[0], key)
        elif made:
            self._publish(made, key)
        return plan.together

    def announce_now(self, event: Any, key: str) -> Sequence[HandlerPlan]:
        """Records an event without an aggregate; returns its `together` reactions."""
        if isinstance(event, DomainEvent):
            return self.record(event, key)
        self.enter(Channel.PUBLISHED, self.workplace.published[event.__class__], event, key)
        return ()

    def _publish(self, made: Sequence[Any], key: str) -> None:
        """Records what several publishers made of one domain event. Versions of one contract become one message, so
        that a subscriber of several versions handles it once."""
        forms: dict[str, list[tuple[int, EventPlan, Any]]] = {}
        for event in made:
            plan = self.workplace.published[event.__class__]
            forms.setdefault(plan.contract.type, []).append((plan.contract.version, plan, event))
        for versions in forms.values():
            (_, plan, event), *newer = sorted(versions, key=itemgetter(0))
            beside = write_newer({version: of.codec.write(form) for version, of, form in newer}) if newer else ""
            self.enter(Channel.PUBLISHED, plan, event, key, beside)

    def enter(self, channel: Channel, plan: EventPlan, message: Any, key: str, more: str = "") -> str:
        """Adds a message to the log entries. Returns its ordering key: its own, or else `key`.

        `more` is further headers as JSON text, each with a comma before it.
        """
        contract = plan.contract
        if contract.key is not None:
            key = key_text(getattr(message, contract.key), "ordering key", contract.type)
        workplace, attempt = self.workplace, self.attempt
        if workplace.carries and (said := carried.get()):
            more += write_carried(said)
        headers = write_headers(attempt.cause, attempt.trace, more)
        self.entries.append(
            _row(
                Entry,
                (channel, key, workplace.ids.new(), contract.type, contract.version, workplace.seconds(), headers,
                 plan.codec.write(message)),
            )
        )  # fmt: skip
        return key

    def envelope(self) -> Envelope:
        """The identity and the time of the current message."""
        entry, attempt, workplace = self.recorded, self.attempt, self.workplace
        if entry is not None:
            return Envelope(id=entry[0], time=datetime.fromtimestamp(entry[1], UTC))
        if not attempt.origin:
            return Envelope(id=workplace.ids.new(), time=workplace.clock.now())
        return Envelope(id=attempt.message, time=datetime.fromtimestamp(attempt.begun, UTC))

    def later(self, command: Command[Any, Any]) -> None:
        """Records a command for later. Raises `BadKey`, and `Diverged` as `Called.key_of`."""
        plan, attempt = self.workplace.published[command.__class__], self.attempt
        contract, headers = plan.contract, LATER
        if contract.identity is not None:
            identity = identity_of(getattr(command, contract.identity))
            wish = attempt.calls().key_of(contract.type, plan.codec.canonical(command), identity)
            headers = write_wish(attempt.context + DERIVED, wish)
        try:
            self.enter(Channel.PUBLISHED, plan, command, self.key or attempt.cause, headers)
        except BadKey as error:
            error.answered = True  # a fault of this handler, not of the message that its caller sent
            raise
