"""Roles and injectables are tables: each entry is whole, and all that reads a table agrees with it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remit import (
    Claim,
    Claims,
    Clock,
    Context,
    Envelope,
    Events,
    Ids,
    Later,
    Record,
    Records,
    Repository,
    Sender,
    Sql,
    System,
    View,
)
from remit.contexts import INJECTABLES, PROJECTION, PUBLISHER, ROLES, SERVICE, Injectable
from remit.contexts.annotations import asked_by
from remit.contexts.ports import ALCHEMY
from remit.runtime import compile_system
from remit.runtime.plan import ContextPlan
from remit.runtime.work.given import GIVEN
from tests.checks.shop import Count, Order, Orders, Paid, Place, Placed, checked, only, paid, place, placed, untyped

ROOT = Path(__file__).parents[2]


class Tariff: ...


class Line(Record[str]): ...


class Number(Claim[int, Order]): ...


async def everything(
    command: Place,
    orders: Repository[Order],
    lines: Records[Line],
    numbers: Claims[Number],
    events: Events[Placed | Paid],
    shown: View[Orders],
    later: Later[Place],
    sender: Sender,
    sql: Sql,
    clock: Clock,
    ids: Ids,
    envelope: Envelope,
    tariff: Tariff,
) -> str:
    return command.order


def asking(function: Callable[..., Any] = everything) -> System:
    """A system whose handler asks for everything there is."""
    sales = Context("sales")
    sales.handle(Place)(untyped(function))
    sales.publish(Placed)(placed)
    sales.publish(Paid)(paid)
    sales.project(Orders)
    sales.provide(Tariff, Tariff)
    return System("shop", contexts=[sales])


def plan(system: System) -> ContextPlan:
    return compile_system(system.model())["sales"]


def test_a_handler_may_ask_for_everything_at_once() -> None:
    system = asking()
    assert system.check() == []
    (handler,) = system.contexts[0].handlers
    asked = [each.injectable for each in asked_by(system.contexts[0], handler)]
    assert asked == [*INJECTABLES, SERVICE]
    (command,) = plan(system).commands.values()
    assert [(need.kind, need.give) for need in command.dependencies] == [(each, GIVEN[each]) for each in asked]


def test_the_runtime_gives_each_of_the_table_and_nothing_else() -> None:
    assert set(GIVEN) == {*INJECTABLES, ALCHEMY, SERVICE}


def test_the_finding_names_all_that_may_be_asked_for() -> None:
    sales = Context("sales")
    sales.provide(Tariff, Tariff)

    @sales.answer(Count)
    @untyped
    async def count(query: Count, rate: float) -> int:
        return 0

    finding = only(checked(sales))
    assert finding.code == "handler.dependency"
    assert finding.expected == (
        "Repository[...], Records[...], Claims[...], Events[...], View[...], Later[...], "
        "Sender, Sql, Clock, Ids, Envelope, Tariff"
    )


def test_a_service_of_the_users_own_stands_in_for_one_of_the_table() -> None:
    system = asking(place)
    system.contexts[0].provide(Clock, untyped(Tariff))

    async def timed(command: Place, clock: Clock) -> str:
        return command.order

    system.contexts[0].bound.clear()
    system.contexts[0].handle(Place)(timed)
    (command,) = plan(system).commands.values()
    assert [need.kind for need in command.dependencies] == [SERVICE]


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_role_says_how_it_is_declared(role: Any) -> None:
    decorator = role.told.split("@context.")[1].split("(")[0]
    assert callable(getattr(Context, decorator))
    assert f".{decorator}" in (ROOT / "docs/concepts.md").read_text() + (ROOT / "docs/tutorial.md").read_text()


@pytest.mark.parametrize("injectable", INJECTABLES, ids=lambda injectable: injectable.told)
def test_the_pages_show_what_may_be_asked_for(injectable: Injectable) -> None:
    named = f"{injectable.port.__name__}[" if injectable.of else f"`{injectable.port.__name__}`"
    assert any(named in page.read_text() for page in (ROOT / "docs").glob("*.md"))


def test_the_pages_say_what_reaches_out_of_the_unit_of_work() -> None:
    rows = re.search(
        r"\| only (repositories, .*?) \| .*?\| (.*?) or a provided service, also beside others",
        (ROOT / "docs/concepts.md").read_text(),
        re.DOTALL,
    )
    assert rows is not None
    inside = [each.port.__name__ for each in INJECTABLES if each.of is None and not each.reaches_out]
    assert sorted(re.findall(r"`(\w+)`", rows[1])) == sorted(["Events", "Later", *inside])
    outside = [each.port.__name__ for each in INJECTABLES if each.reaches_out]
    assert sorted(re.findall(r"`(\w+)`", rows[2])) == sorted(outside)


def test_a_context_has_the_roles_of_what_it_declares() -> None:
    (sales,) = asking().contexts
    assert {role.name for role in sales.roles} == {"command", "publisher", "projection"}
    assert {PUBLISHER, PROJECTION} < sales.roles
    assert Context("empty").roles == set()
