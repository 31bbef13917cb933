"""Headers of a request, in a test without an event loop."""

from typing import Any

from remit import Command, Context, System
from remit.contexts import Invocation
from remit.testing import running


class Go(Command[None]): ...


def test_each_call_of_a_running_system_has_the_headers_of_its_block() -> None:
    seen: list[str] = []

    async def look(invocation: Invocation) -> Any:
        seen.append(invocation.headers.get("x-tenant", "none"))
        return await invocation.proceed()

    desk = Context("desk", interceptors=[look])

    @desk.handle(Go)
    async def go(command: Go) -> None: ...

    system = System("desk", contexts=[desk], headers=["x-tenant"])
    with running(system) as app:
        for tenant in ("acme", "initech"):
            with system.with_headers({"x-tenant": tenant}):
                app.send(Go())
        app.send(Go())
    assert seen == ["acme", "initech", "none"]
