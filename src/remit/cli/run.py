"""`remit run`: the whole system in this process, until it is told to end."""

from __future__ import annotations

import asyncio
import contextlib
import json as jsons
import logging
import signal
import socket
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from remit.cli.loading import load_system
from remit.cli.options import AsJson, Data, Store, SystemName, place_of
from remit.cli.serving import Doors, Limits, listen
from remit.cli.settings import HERE
from remit.runtime import Runtime
from remit.topology import System, assemble

__all__ = ["run"]

DEFAULT_PORT = 8000
POSITIVE = Number(gt=0)


def run(
    system: SystemName = HERE,
    /,
    *,
    store: Store = None,
    data: Data = None,
    host: Annotated[str, Parameter(help="Address of the HTTP edge.")] = "127.0.0.1",
    port: Annotated[
        int | None,
        Parameter(help="Port of the HTTP edge, 0 for any free one. Default: 8000 when the system declares routes."),
    ] = None,
    max_body: Annotated[int, Parameter(validator=POSITIVE, help="Largest body of a request, in bytes.")] = 1_000_000,
    max_deadline: Annotated[
        float, Parameter(validator=POSITIVE, help="Longest deadline that a client may set, in seconds.")
    ] = 60.0,
    json: AsJson = False,
) -> int:
    """Run the whole system in this process.

    Prints one line when everything is ready. SIGTERM and SIGINT drain: no new requests, what runs is finished and
    committed, then the process ends with exit code 0.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    model = load_system(system)
    runtime = assemble(model, store=place_of(store, data))
    with contextlib.ExitStack() as stack:
        door: socket.socket | None = None
        if port is not None or any(context.routes for context in model.contexts):
            door = stack.enter_context(listen(host, DEFAULT_PORT if port is None else port))
        asyncio.run(_run(model, runtime, door, Limits(max_body, max_deadline), as_json=json))
    return 0


async def _run(model: System, runtime: Runtime, door: socket.socket | None, limits: Limits, *, as_json: bool) -> None:
    ending = asyncio.Event()
    _end_on_signals(ending)
    doors = Doors(model, runtime, door, limits) if door is not None else None
    try:
        await runtime.start()
        if doors is None:
            _announce(model, None, as_json=as_json)
            await ending.wait()
        else:
            await doors.open()
            _announce(model, doors.url, as_json=as_json)
            await doors.serve_until(ending)
    finally:
        await runtime.stop()


def _end_on_signals(ending: asyncio.Event) -> None:
    """The first signal drains; a second one ends the process at once."""
    loop = asyncio.get_running_loop()

    def end() -> None:
        ending.set()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)


def _announce(model: System, url: str | None, *, as_json: bool) -> None:
    contexts = [context.name for context in model.contexts]
    if as_json:
        line = jsons.dumps({"ready": True, "url": url, "system": model.name, "contexts": contexts})
    else:
        line = f"ready: {model.name} ({', '.join(contexts)})" + (f" on {url}" if url else "")
    print(line, flush=True)
