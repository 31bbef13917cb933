"""`remit run`: the whole system in this process, until it is told to end."""

from __future__ import annotations

import contextlib
import json as jsons
import logging
import socket
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from remit.cli import event_loop
from remit.cli.ending import ending_by_signals
from remit.cli.failures import Failure
from remit.cli.loading import load_system
from remit.cli.options import AsJson, Data, Store, SystemName, is_topology, place_of, refuse_places
from remit.cli.screen import LineFormatter
from remit.cli.services import run_topology
from remit.cli.serving import Doors, Limits, listen, serve
from remit.cli.settings import HERE
from remit.hosting import System
from remit.hosting.assembly import assemble
from remit.runtime import Runtime

__all__ = ["run"]

DEFAULT_PORT = 8000
POSITIVE = Number(gt=0)


def run(
    system: SystemName = HERE,
    /,
    *services: Annotated[
        str, Parameter(name="SERVICE", help="Services of a topology file to run. Default: all. web#2: one replica.")
    ],
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
    max_requests: Annotated[
        int,
        Parameter(validator=POSITIVE, help="How many requests are handled at the same time. More are answered 503."),
    ] = 1000,
    docs: Annotated[bool, Parameter(help="Show the routes at /docs and /openapi.json.")] = True,
    attached: Annotated[
        bool, Parameter(negative="", help="End also when standard input ends: for whoever starts services as children.")
    ] = False,
    json: AsJson = False,
) -> int:
    """Run the whole system in this process, or services of a topology file.

    SYSTEM may be a topology file: FILE.toml. One service runs in this process; several run as child processes, whose
    lines are shown with their names, and which are started again when they die.

    Prints one line when everything is ready. SIGTERM and SIGINT drain: no new requests, what runs is finished and
    committed, then the process ends with exit code 0.
    """
    lines = logging.StreamHandler()
    lines.setFormatter(LineFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[lines])
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    limits = Limits(max_body, max_deadline, max_requests, docs)
    if is_topology(system):
        refuse_places(store=store, data=data, port=port)
        return run_topology(system, services, limits, attached=attached, as_json=json)
    if services:
        raise Failure(
            "cli.usage", f"{system} is no topology file, and has no services", where="remit run",
            expected="a file that ends with .toml before the names of services", next=f"remit run {system}",
        )  # fmt: skip
    hosted = load_system(system)
    runtime = assemble(hosted.model(), store=place_of(store, data))
    with contextlib.ExitStack() as stack:
        door: socket.socket | None = None
        if port is not None or any(context.routes for context in hosted.contexts):
            door = stack.enter_context(listen(host, DEFAULT_PORT if port is None else port))
        event_loop.run(_run(hosted, runtime, door, limits, as_json=json))
    return 0


async def _run(system: System, runtime: Runtime, door: socket.socket | None, limits: Limits, *, as_json: bool) -> None:
    doors = Doors(system, runtime, door, limits) if door is not None else None
    await serve(runtime, doors, ending_by_signals(), lambda url: _announce(system, url, as_json=as_json))


def _announce(system: System, url: str | None, *, as_json: bool) -> None:
    contexts = [context.name for context in system.contexts]
    if as_json:
        line = jsons.dumps({"ready": True, "url": url, "system": system.name, "contexts": contexts})
    else:
        line = f"ready: {system.name} ({', '.join(contexts)})" + (f" on {url}" if url else "")
    print(line, flush=True)
