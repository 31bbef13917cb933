"""What a handler calls is read from its code: names are followed to messages, and attributes are none."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from remit import Command, Query
from remit.contexts import mentioned as module
from remit.contexts.mentioned import mentioned
from tests.contexts import calling as api

if TYPE_CHECKING:
    from tests.contexts.calling import Sell  # noqa: TC004  # what is tested


class Pack(Command[None]):
    order: str


class Ask(Query[int]):
    order: str


class Things:
    Pack = Pack

    class Deep:
        Ask = Ask

    @staticmethod
    def packed() -> Any:
        return Pack

    @classmethod
    def asked(cls) -> Any:
        return cls.Deep.Ask


async def attribute(command: Any, calls: Any) -> None:
    command.Pack(order="1")
    calls.Pack = command.Ask = command.things.Ask


async def through_a_module(command: Any) -> Any:
    return api.Pack(order="1")


async def through_a_module_as_a_mere_name(command: Any) -> Any:
    return api.count


async def through_a_class(command: Any) -> Any:
    return Things.Deep.Ask(order="1")


async def by_a_variable(command: Any) -> Any:
    ours = api
    made = ours.Stocked
    return made, api


async def by_an_import_inside(command: Any) -> Any:
    from tests.contexts import calling as other
    from tests.contexts.calling import Stocked as Other

    return other.Pack(order=Other.__name__)


async def by_a_whole_import_inside(command: Any) -> Any:
    import tests.contexts.calling

    return tests.contexts.calling.Sell(order="1")


async def by_a_relative_import_inside(command: Any) -> Any:
    from .calling import Pack, Sell  # noqa: TID252  # what is tested

    return Pack, Sell


async def inside_of_it(command: Any) -> Any:
    ours = Pack

    def inner() -> Any:
        return [ours for _ in [lambda: api.Stocked]]

    return inner


async def by_a_function_of_the_package(command: Any) -> Any:
    return api.asked("1", command)


async def by_a_static_method(command: Any) -> Any:
    return Things.packed()


async def by_a_class_method(command: Any) -> Any:
    return Things.asked()


async def for_checkers_only(command: Any) -> Any:
    return Sell(order="1")


async def in_a_circle(command: Any) -> Any:
    await in_a_circle(command)
    return Ask(order="1")


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapper(*arguments: Any) -> Any:
        return await function(*arguments)

    return wrapper


@decorated
async def behind_a_decorator(command: Any) -> Any:
    return Ask(order="1")


class Policy:
    async def by_self(self, command: Any) -> Any:
        return await self.helped(command)

    async def helped(self, command: Any) -> Any:
        return self.deeper, api.Pack

    def deeper(self) -> Any:
        return Ask


async def by_a_name_that_is_another_one_inside(command: Any) -> Any:
    ours = api

    def inner(ours: Any) -> Any:
        return ours.Pack

    return ours, inner


def closing_over(message: type) -> Any:
    async def by_a_closure(command: Any) -> Any:
        return message

    return by_a_closure


CASES: list[tuple[Any, set[type]]] = [
    (attribute, set()),
    (through_a_module, {api.Pack}),
    (through_a_module_as_a_mere_name, {api.Stocked}),
    (through_a_class, {Ask}),
    (by_a_variable, {api.Stocked}),
    (by_an_import_inside, {api.Pack, api.Stocked}),
    (by_a_whole_import_inside, {api.Sell}),
    (by_a_relative_import_inside, {api.Pack, api.Sell}),
    (inside_of_it, {Pack, api.Stocked}),
    (by_a_function_of_the_package, {api.Stocked}),
    (by_a_static_method, {Pack}),
    (by_a_class_method, {Ask}),
    (for_checkers_only, set()),
    (in_a_circle, {Ask}),
    (behind_a_decorator, {Ask}),
    (Policy().by_self, {api.Pack, Ask}),
    (closing_over(Pack), {Pack}),
    (by_a_name_that_is_another_one_inside, set()),
    (functools.partial(through_a_module), {api.Pack}),
    (print, set()),
]


@pytest.mark.parametrize(("handler", "messages"), CASES, ids=lambda case: getattr(case, "__name__", ""))
def test_messages_that_a_handler_names(handler: Any, messages: set[type]) -> None:
    assert {each.message for each in mentioned(handler)} == messages


def test_message_is_told_with_the_function_that_names_it() -> None:
    (found,) = mentioned(by_a_function_of_the_package)
    assert found == (api.Stocked, api.asked)


def test_function_of_another_package_is_not_read() -> None:
    async def elsewhere(command: Any) -> Any:
        return module.mentioned

    assert set(mentioned(elsewhere)) == set()
