"""Every mistake in the declaration of a source or of a translation is a finding, and none ends with a traceback."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from remit import Command, Context, Refusal, System, Value
from remit.errors import Unavailable
from remit.foreign import Fetched, Gateway, Header, Polled, StandardSignature, StripeSignature, Webhook
from remit.relations import AntiCorruptionLayer, Foreign, OpenHost

SIGNATURE = StripeSignature("SECRET")


class Told(Value):
    id: str


class Note(Command[None]):
    text: str


class Ship(Command[None]):
    text: str


def noted(message: Told) -> Note | None:
    return None


def key(message: Told) -> str:
    return message.id


def number(message: Told) -> int:
    return 1


def time(message: Told) -> datetime:
    return datetime.now(UTC)


async def fetch(after: str) -> Fetched[Told]:
    return Fetched([], after)


async def asking(after: str, missing: Told) -> Fetched[Told]:
    return Fetched([], after)


async def unresolved(after: str, missing: Told) -> Fetched[Told]:
    return Fetched([], after)


unresolved.__annotations__["missing"] = "Nowhere"


async def taking_nothing() -> Fetched[Told]:
    return Fetched([], "")


def plain(after: str) -> Fetched[Told]:
    return Fetched([], after)


def hook(name: str = "told", **more: Any) -> Webhook[Any]:
    given: dict[str, Any] = {"verify": SIGNATURE, "key": key, **more}
    return Webhook(name, **given)


def polled(**more: Any) -> Polled[Any]:
    given: dict[str, Any] = {"fetch": fetch, "every": timedelta(minutes=1), "key": key, **more}
    return Polled("told", **given)


async def late(message: Told) -> Note | None:
    return None


def of_nothing() -> Note | None:
    return None


def untyped(message: Any) -> Note | None:
    return None


del untyped.__annotations__["message"]


def of_a_function(message: Callable[[], None]) -> Note | None:
    return None


def silent(message: Told) -> Note | None:
    return None


del silent.__annotations__["return"]


def a_text(message: Told) -> str:
    return ""


def foreign_command(message: Told) -> list[Ship]:
    return []


FAULTS: list[tuple[str, Any, Any]] = [
    ("translation.source", "told", noted),
    ("translation.source", hook("Told"), noted),
    ("translation.source", hook(path="/{place}"), noted),
    ("translation.source", hook(path="hooks"), noted),
    ("translation.source", polled(every=timedelta()), noted),
    ("translation.source", polled(deadline=timedelta()), noted),
    ("translation.source", polled(key=Header("X-Id")), noted),
    ("translation.order", hook(version=number), noted),
    ("translation.order", hook(at=time), noted),
    ("translation.order", hook(entity=key, at=time, version=number), noted),
    ("translation.fetch", polled(fetch=plain), noted),
    ("translation.fetch", polled(fetch=asking), noted),
    ("translation.fetch", polled(fetch=unresolved), noted),
    ("translation.fetch", polled(fetch=taking_nothing), noted),
    ("translation.async", hook(), late),
    ("translation.message", hook(), of_nothing),
    ("translation.message", hook(), untyped),
    ("translation.message", hook(), of_a_function),
    ("translation.commands", hook(), silent),
    ("translation.commands", hook(), a_text),
    ("translation.commands", hook(), foreign_command),
]


@pytest.mark.parametrize(("code", "source", "function"), FAULTS)
def test_mistake_is_found(code: str, source: Any, function: Any) -> None:
    notes, ships = Context("notes"), Context("ships")
    notes.translate(source)(function)

    @notes.handle(Note)
    async def note(command: Note) -> None: ...

    @ships.handle(Ship)
    async def ship(command: Ship) -> None: ...

    found = System("shop", contexts=[notes, ships]).check()
    assert [each.code for each in found] == [code], found
    assert all(each.expected and each.next and "test_findings" in each.where for each in found)


def test_translation_into_a_command_of_another_context_has_one_finding_in_a_system_with_relations() -> None:
    """A relation would not help: a translation returns commands of its own context."""
    notes, ships = Context("notes"), Context("ships")
    notes.translate(hook())(foreign_command)

    @ships.handle(Ship)
    async def ship(command: Ship) -> None: ...

    found = System("shop", contexts=[notes, ships], relations=[OpenHost(ships, exposes=[])]).check()
    assert [each.code for each in found if each.code.startswith(("translation.", "relation.not-"))] == [
        "translation.commands"
    ]


def test_second_source_of_a_name_is_found() -> None:
    notes = Context("notes")
    notes.translate(hook())(noted)
    notes.translate(polled())(noted)

    @notes.handle(Note)
    async def note(command: Note) -> None: ...

    found = System("shop", contexts=[notes]).check()
    assert [each.code for each in found] == ["translation.source"]


def test_command_without_a_handler_is_found() -> None:
    notes = Context("notes")
    notes.translate(hook())(noted)
    found = System("shop", contexts=[notes]).check()
    assert [each.code for each in found] == ["handler.missing"]


def test_sound_declarations_have_no_findings() -> None:
    notes = Context("notes")
    notes.provide(Told, lambda: Told(id="1"))
    notes.translate(hook(path="/notes", entity=key, version=number))(noted)
    notes.translate(Polled("asked", fetch=asking, every=timedelta(minutes=1), key=key, entity=key, at=time))(noted)

    @notes.handle(Note)
    async def note(command: Note) -> None: ...

    assert System("shop", contexts=[notes]).check() == []


@pytest.mark.parametrize(
    ("module", "codes"), [("shop.notes.stripe", ["translation.module"]), (__name__, []), ("", ["relation.no-module"])]
)
def test_translation_outside_of_the_layer_is_found(module: str, codes: list[str]) -> None:
    notes = Context("notes", relations=[AntiCorruptionLayer(upstream=Foreign("x"), downstream="notes", module=module)])
    notes.translate(hook())(noted)

    @notes.handle(Note)
    async def note(command: Note) -> None: ...

    assert [each.code for each in System("shop", contexts=[notes]).check()] == codes


@pytest.mark.parametrize(
    ("source", "noted_as"),
    [
        (hook(key=Header("X-Id")), ["webhook.unsigned-key"]),
        (hook(key=Header("X-Id"), entity=key, version=number), []),
        (hook(key=Header("Webhook-Id"), verify=StandardSignature("SECRET")), []),
        (hook(key=Header("X-Id"), verify=StandardSignature("SECRET")), ["webhook.unsigned-key"]),
    ],
)
def test_key_that_is_not_signed_is_noted(source: Any, noted_as: list[str]) -> None:
    notes = Context("notes")
    notes.translate(source)(noted)

    @notes.handle(Note)
    async def note(command: Note) -> None: ...

    found = System("shop", contexts=[notes]).check()
    assert found == []
    assert [each.code for each in found.notes] == noted_as


class Full(Refusal):
    pass


class Print(Command[None]):
    text: str


class PrintOrRefuse(Command[None, Full]):
    text: str


def full(error: OSError) -> Full:
    return Full()


class Printer(Gateway, failures={OSError: full, KeyError: lambda error: Full(), ValueError: Unavailable}):
    async def print(self, text: str) -> None: ...


def test_refusal_of_a_gateway_that_a_command_does_not_declare_is_noted() -> None:
    notes = Context("notes")
    notes.provide(Printer, Printer)

    @notes.handle(Print)
    async def print_it(command: Print, printer: Printer) -> None: ...

    @notes.handle(PrintOrRefuse)
    async def print_or_refuse(command: PrintOrRefuse, printer: Printer) -> None: ...

    found = System("shop", contexts=[notes]).check()
    assert found == []
    (note,) = found.notes
    assert note.code == "gateway.undeclared"
    assert "print_it calls Printer, which may refuse with Full, and Print does not declare that" in note.what
