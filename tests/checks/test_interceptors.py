"""What runs around handlers is an async function of one parameter, or an object that is called like one."""

from functools import partial
from typing import Any

import pytest

from remit import Context
from remit.contexts import Invocation
from tests.checks.shop import checked, only


class Around:
    async def __call__(self, invocation: Invocation, /) -> Any:
        return await invocation.proceed()

    async def method(self, invocation: Invocation, /) -> Any:
        return await invocation.proceed()


def plain(invocation: Invocation) -> None: ...


async def of_two(invocation: Invocation, other: int) -> None: ...


def test_functions_methods_and_objects_are_interceptors() -> None:
    async def around(invocation: Invocation, /) -> Any:
        return await invocation.proceed()

    assert checked(Context("sales", interceptors=[around, Around(), Around().method, partial(around)])) == []


@pytest.mark.parametrize("wrong", [plain, of_two, Around, 7, partial(plain)])
def test_interceptor_kind(wrong: Any) -> None:
    finding = only(checked(Context("sales", interceptors=[wrong])))
    assert (finding.code, finding.next[:9]) == ("interceptor.kind", "async def")
