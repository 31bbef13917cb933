"""What becomes of a foreign message behind its acceptance, on the clock of the test."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit import Command, Context, System, Value
from remit.errors import BadMessage
from remit.foreign import Webhook
from remit.observability import DeliveryIgnored
from remit.runtime.work.deliveries import told_by
from remit.stores import Unit
from remit.testing import running
from remit.testing.mistakes import KitError
from tests.acl.payments import Paid, Settle, TooMuch, body_of, signature, system


def test_message_becomes_the_command_that_its_translation_makes() -> None:
    with running(system) as app:
        assert app.receive("stripe", {"id": "e-1", "type": "invoice.paid", "invoice": "i-1", "cents": 7, "new": 1})
        assert app.sent(Settle) == [Settle(invoice="i-1", cents=7)]
        assert app.ask(Paid(invoice="i-1")) == [7]


def test_message_that_is_translated_to_nothing_is_done() -> None:
    with running(system) as app:
        assert app.receive("stripe", body_of("e-1", "customer.created"))
        assert app.sent(Settle) == []
        assert not app.receive("stripe", body_of("e-1", "customer.created"))


def test_one_message_may_become_several_commands() -> None:
    with running(system) as app:
        app.receive("stripe", body_of("e-1", "invoice.paid-twice", cents=3))
        app.settled()
        assert app.ask(Paid(invoice="i-1")) == [3, 3]


def test_repetition_behind_one_that_waits_is_recognised_when_it_is_handled() -> None:
    """Both arrive before the first one is handled."""
    heard: list[DeliveryIgnored] = []

    def hear(event: DeliveryIgnored) -> None:
        heard.append(event)

    with running(system, listeners=[hear]) as app:
        store = app._app._host.stores["payments"]  # both arrive at once
        arrivals = app._app._host.hooks[0]._arrivals
        entries = [arrivals.entry(body_of("e-1", cents=9))[0] for _ in range(2)]
        app._run(store.commit(Unit(entries=entries)))
        app.settled()
        assert app.ask(Paid(invoice="i-1")) == [9]
    assert [(each.key, each.why) for each in heard] == [("e-1", "it was handled before")]


@pytest.mark.parametrize(
    ("source", "field", "paid"), [("numbered", "sequence", [1, 3, 5]), ("dated", "created", [1, 3, 4, 5])]
)
def test_older_message_is_ignored_and_seen(source: str, field: str, paid: list[int]) -> None:
    """The fourth has the version of the third: the same number says the same, the same second does not."""
    heard: list[DeliveryIgnored] = []

    def hear(event: DeliveryIgnored) -> None:
        heard.append(event)

    with running(system, listeners=[hear]) as app:
        for number, version in enumerate([10, 5, 20, 20, 30], start=1):
            more: dict[str, Any] = {field: version}
            assert app.receive(source, body_of(f"e-{number}", cents=number, **more))
            app.settled()
        assert app.ask(Paid(invoice="i-1")) == paid
        app.receive(source, {"id": "e-9", "type": "invoice.paid", "invoice": "i-2", "cents": 9, field: 1})
        app.settled()
        assert app.ask(Paid(invoice="i-2")) == [9]
    assert heard[0].key == "e-2"
    assert heard[0].entity == "i-1"
    assert "after a newer" in heard[0].why


def test_failed_translation_keeps_the_message_and_those_about_the_same_thing() -> None:
    with running(system) as app:
        app.receive("stripe", body_of("e-1", "invoice.odd"))
        app.receive("stripe", body_of("e-2", cents=2))
        app.receive("stripe", body_of("e-3", cents=3, invoice="i-2"))
        (parked,) = app.parked()
        assert (parked.subscription, parked.key) == ("payments.foreign:stripe", "i-1")
        assert "nobody knows i-1" in parked.error
        assert app.ask(Paid(invoice="i-1")) == []
        assert app.ask(Paid(invoice="i-2")) == [3]


def test_message_of_another_form_is_kept_alone() -> None:
    with running(system) as app:
        assert app.receive("stripe", {"id": "e-1", "invoice": "i-1"})
        app.receive("stripe", body_of("e-2", cents=2))
        (parked,) = app.parked()
        assert "type" in parked.error
        assert app.ask(Paid(invoice="i-1")) == [2]


def test_refused_command_is_seen_as_every_refused_later_command() -> None:
    with running(system) as app:
        app.receive("stripe", body_of("e-1", cents=2_000_000))
        (refused,) = app.refused()
        assert refused.refusal == TooMuch(cents=2_000_000)


def test_mistakes_of_a_test_are_told() -> None:
    with running(system) as app:
        with pytest.raises(KitError, match="stripe, numbered, dated"):
            app.receive("strip", {})
        with pytest.raises(BadMessage):
            app.receive("stripe", b"{")


DELIVERIES = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["i-1", "i-2"]), st.integers(0, 4), st.booleans()),
    max_size=12,
)


@given(DELIVERIES)
@settings(max_examples=40)
def test_whatever_arrives_each_thing_goes_forwards_and_each_message_counts_once(
    deliveries: list[tuple[str, str, int, bool]],
) -> None:
    expected: dict[str, list[int]] = {"i-1": [], "i-2": []}
    newest, known = dict[str, int](), set[str]()
    with running(system) as app:
        for number, (id, invoice, version, pause) in enumerate(deliveries):
            key = f"{id}-{invoice}"
            app.receive("numbered", body_of(key, invoice=invoice, cents=number, sequence=version))
            if pause:
                app.settled()
            if key not in known and version > newest.get(invoice, -1):
                expected[invoice].append(number)
                newest[invoice] = version
            known.add(key)
        app.settled()
        assert {invoice: app.ask(Paid(invoice=invoice)) for invoice in expected} == expected


class Loose(Value):
    id: str
    text: str = ""


class Write(Command[None]):
    text: str


def test_message_that_could_not_say_its_key_is_recognised_once_it_can() -> None:
    """A release that cannot read a message is followed by one that can. The sender has repeated it in between."""
    notes, can_read = Context("notes"), list[bool]()

    def id_of(message: Loose) -> str:
        if not can_read:
            raise KeyError("number")
        return message.id

    @notes.translate(Webhook("loose", verify=signature, key=id_of))
    def written(message: Loose) -> Write:
        return Write(text=message.text)

    @notes.handle(Write)
    async def write(command: Write) -> None: ...

    with running(System("shop", contexts=[notes])) as app:
        assert app.receive("loose", {"id": "1", "text": "one"})
        (parked,) = app.parked()
        assert parked.key.startswith("unread ")
        can_read.append(True)
        assert app.receive("loose", {"id": "1", "text": "one"})
        app.settled()
        app.clock.move(seconds=60)
        app.settled()
        assert app.parked() == []
        assert app.sent(Write) == [Write(text="one")]
        assert not app.receive("loose", {"id": "1", "text": "one"})


def numbered(version: Any) -> Webhook[Any]:
    """A source whose messages have this version."""
    return Webhook("any", key=lambda _: "k", entity=lambda _: "e", version=lambda _: version, verify=signature)


@pytest.mark.parametrize(("version", "number"), [(3, 3), ("17", 17), (-1, -1), (2**70, 2**70)])
def test_a_version_is_a_whole_number(version: Any, number: int) -> None:
    assert told_by(numbered(version), None, "").version == number


@pytest.mark.parametrize("version", [1.9, 2.0, "1.9", "-1", "", None, float("nan")])
def test_any_other_version_is_a_clear_error(version: Any) -> None:
    """It would be cut: 1.9 is newer than 1.2."""
    with pytest.raises(BadMessage, match="a message has the version") as raised:
        told_by(numbered(version), None, "")
    assert raised.value.expected == "a whole number"
