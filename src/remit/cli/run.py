"""`remit run`: runs the whole system in this process, or services of a topology, until it is told to end."""

from __future__ import annotations

import asyncio
import contextlib
import json as jsons
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from remit.cli.options import AsJson, Data, Listen, Store, SystemName, is_topology, place_of, refuse_places, whole
from remit.cli.screen import LineFormatter, say
from remit.errors import Findings
from remit.hosting import System, event_loop
from remit.hosting.assembly import assemble, placed_on
from remit.hosting.event_loop import told_to_end
from remit.hosting.failures import Failure
from remit.hosting.finding import HERE, find_listener, load_system
from remit.hosting.granting import findings_on_grants
from remit.hosting.services import Replica, children_of, chosen, make_service
from remit.hosting.serving import Doors, EdgeSettings, listen, serve
from remit.hosting.supervision import Child, Supervisor
from remit.runtime import Host
from remit.topology.file import Topology, read_topology

DEFAULT_PORT = 8000
POSITIVE = Number(gt=0)

Port = Annotated[
    int | None,
    Parameter(
        converter=whole,
        help="Port of the HTTP edge; 0 for any free port. Default: 8000 if the system has routes or webhooks.",
    ),
]
MaxBody = Annotated[int, Parameter(converter=whole, validator=POSITIVE, help="Largest body of a request, in bytes.")]
MaxRequests = Annotated[
    int,
    Parameter(
        converter=whole, validator=POSITIVE,
        help="Requests that are handled at the same time. Further ones are answered with 503.",
    ),
]  # fmt: skip

Listening = tuple[str, int]
"""Address and port."""


def run(
    system: SystemName = HERE,
    /,
    *services: Annotated[
        str, Parameter(name="SERVICE", help="Services of a topology file to run. Default: all. web#2: one replica.")
    ],
    store: Store = None,
    data: Data = None,
    host: Annotated[str, Parameter(help="Address of the HTTP edge.")] = "127.0.0.1",
    port: Port = None,
    max_body: MaxBody = 1_000_000,
    max_deadline: Annotated[
        float, Parameter(validator=POSITIVE, help="Longest deadline that a client may set, in seconds.")
    ] = 60.0,
    max_requests: MaxRequests = 1000,
    docs: Annotated[bool, Parameter(help="Show the routes at /docs and /openapi.json.")] = True,
    listen_with: Listen = None,
    attached: Annotated[
        bool, Parameter(negative="", help="Also end when standard input ends. For a parent that starts services.")
    ] = False,
    json: AsJson = False,
) -> int:
    """Run the whole system in this process, or services of a topology file.

    SYSTEM may be a topology file: FILE.toml. One service runs in this process. Several services run as child processes,
    which are restarted when they die. Each of their lines begins with the name of the service; with --json, each is a
    JSON object.

    Prints one line when everything is ready. After SIGTERM or SIGINT the process drains: it accepts no new requests,
    finishes and commits running work, and ends with exit code 0.
    """
    lines = logging.StreamHandler()
    lines.setFormatter(LineFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[lines])
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    limits = EdgeSettings(max_body, max_deadline, max_requests, docs)
    if is_topology(system):
        refuse_places(store=store, data=data, port=port)
        return _run_topology(system, services, limits, listen_with or (), attached=attached, as_json=json)
    if services:
        raise Failure(
            "cli.usage", f"{system} is not a topology file, so it has no services", where="remit run",
            expected="a file that ends with .toml before the names of services", next=f"remit run {system}",
        )  # fmt: skip
    hosted = load_system(system)
    listeners = [find_listener(name) for name in listen_with or ()]
    process = assemble(hosted.model(), store=place_of(store, data), listeners=listeners)
    has_doors = port is not None or any(edge.routes for edge in hosted.edges) or bool(process.hooks)
    at = (host, DEFAULT_PORT if port is None else port) if has_doors else None
    contexts = [context.name for context in hosted.contexts]
    said = {"system": hosted.name, "contexts": contexts}
    names = f" ({', '.join(contexts)})" if contexts != [hosted.name] else ""
    ready = partial(_announce, said, hosted.name + names, as_json=json)
    return _run_here(hosted, process, at, limits, ready, attached=attached)


def _announce(said: Mapping[str, Any], text: str, url: str | None, *, as_json: bool) -> None:
    _say_ready({"ready": True, "url": url, **said}, text + (f" on {url}" if url else ""), as_json=as_json)


def _say_ready(said: Mapping[str, Any], text: str, *, as_json: bool) -> None:
    print(jsons.dumps(said) if as_json else f"ready: {text}", flush=True)


def _run_here(
    system: System,
    process: Host,
    at: Listening | None,
    limits: EdgeSettings,
    ready: Callable[[str | None], None],
    *,
    attached: bool,
) -> int:
    async def served() -> None:
        ending = await told_to_end(attached=attached)
        await serve(process, Doors(system, process, door, limits) if door is not None else None, ending, ready)

    with contextlib.ExitStack() as stack:
        door = None if at is None else stack.enter_context(listen(*at))
        event_loop.run(served())
    return 0


# ── services of a topology ──────────────────────────────────────────────────────────────────────────────────────────


def _run_topology(
    path: str, services: Sequence[str], limits: EdgeSettings, listeners: Sequence[str], *, attached: bool, as_json: bool
) -> int:
    topology = read_topology(path, whole=not services)
    replicas = chosen(topology, services)
    if len(replicas) == 1:
        service = make_service(topology, replicas[0], [find_listener(name) for name in listeners])
        at = (service.listens.host, service.listens.port) if service.listens is not None else None
        said = {"system": service.system.name, "service": service.name}
        of = f" of {service.system.name}" if service.system.name != service.name else ""
        ready = partial(_announce, said, service.name + of, as_json=as_json)
        return _run_here(service.system, service.host, at, limits, ready, attached=attached)
    hosted = load_system(topology.system)
    model = hosted.model()
    placement = placed_on(topology, model)
    Findings(findings_on_grants(hosted, model, placement)).settle()
    children = children_of(topology, placement, replicas, partial(_command, path, limits, listeners))
    return asyncio.run(_supervise(topology, children, attached=attached, as_json=as_json))


def _command(path: str, limits: EdgeSettings, listeners: Sequence[str], replica: Replica) -> Sequence[str]:
    numbers = ["--max-body", str(limits.max_body), "--max-deadline", str(limits.max_deadline)]
    options = [*numbers, "--max-requests", str(limits.max_requests), "--docs" if limits.docs else "--no-docs"]
    options += [word for name in listeners for word in ("--listen", name)]
    return [sys.executable, "-m", "remit.cli", "run", path, str(replica), "--attached", "--json", *options]


async def _supervise(topology: Topology, children: Mapping[str, Child], *, attached: bool, as_json: bool) -> int:
    def ready(said: dict[str, Any]) -> None:
        urls = {name: each.get("url") for name, each in said.items()}
        shown = ", ".join(f"{name} on {url}" if url else name for name, url in urls.items())
        whole = {"ready": True, "system": topology.system, "services": urls}
        _say_ready(whole, f"{topology.system}: {shown}", as_json=as_json)

    ending = await told_to_end(attached=attached)
    return await Supervisor(children, ready, partial(say, error=True), as_json=as_json).run(ending)
