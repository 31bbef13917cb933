"""A service is not ready while one of its stores cannot be used, be there subscriptions or not."""

from __future__ import annotations

import asyncio
from pathlib import Path

from remit import Command, Context, System
from remit.cli.serving import Doors, Limits, listen
from remit.topology.assembly import assemble


class Greet(Command[str]):
    name: str


async def test_a_store_that_no_subscription_uses_counts_too(tmp_path: Path) -> None:
    greeting = Context("greeting")

    @greeting.handle(Greet)
    async def greet(command: Greet) -> str:
        return f"hello {command.name}"

    model = System("greeting", contexts=[greeting])
    runtime = assemble(model, store=f"sqlite:{tmp_path}/{{context}}.db")
    ending = asyncio.Event()
    with listen("127.0.0.1", 0) as door:
        doors = Doors(model, runtime, door, Limits(max_body=1000, max_deadline=10.0))
        await runtime.start()
        try:
            await doors.open()
            assert await doors._readiness() == {"ready": True, "subscriptions": {}, "unusable": []}
            (tmp_path / "greeting.db").unlink()
            while not runtime.unusable:  # noqa: ASYNC110  # the runtime's own states have no event to wait for
                await asyncio.sleep(0.01)
            assert await doors._readiness() == {"ready": False, "subscriptions": {}, "unusable": ["greeting"]}
        finally:
            ending.set()
            await doors.serve_until(ending)
            await runtime.stop()
