"""Running the services of a topology: one in this process, several as child processes."""

from __future__ import annotations

import asyncio
import contextlib
import json as jsons
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from remit.cli import event_loop
from remit.cli.ending import ending_by_signals
from remit.cli.failures import Failure
from remit.cli.loading import load_system
from remit.cli.serving import Doors, Limits, listen, serve
from remit.cli.supervision import Child, Supervisor
from remit.hosting import System
from remit.hosting.service import RunningService
from remit.topology.file import Topology, read_topology
from remit.topology.placement import Placement, place
from remit.topology.secrets import withheld_from
from remit.topology.shapes import shapes_of

__all__ = ["run_topology"]


class _Replica(NamedTuple):
    """One process: `billing`, or `billing#2` where there are several of its kind."""

    service: str
    number: int

    def named(self, placement: Placement) -> str:
        return self.service if placement.services[self.service].service.replicas == 1 else f"{self}"

    def __str__(self) -> str:
        return f"{self.service}#{self.number + 1}"


def run_topology(path: str, services: Sequence[str], limits: Limits, *, attached: bool, as_json: bool) -> int:
    """Runs the services of a topology, or those named. Says the exit code.

    Raises `Failure` for names that are no services, `ModelError` for a topology that does not hold.
    """
    topology = read_topology(path, whole=not services)
    replicas = _chosen(topology, services)
    if len(replicas) == 1:
        return _run_here(topology, replicas[0], limits, attached=attached, as_json=as_json)
    placement = place(topology, shapes_of(load_system(topology.system).model()))
    children = {
        each.named(placement): Child(_command(path, each, limits), _environment(topology, placement, each.service))
        for each in replicas
    }
    return asyncio.run(_supervise(topology, children, attached=attached, as_json=as_json))


def _chosen(topology: Topology, names: Sequence[str]) -> list[_Replica]:
    """The processes that names stand for: `billing` for every replica of it, `billing#2` for the second."""
    chosen: list[_Replica] = []
    for name in names or topology.services:
        service, _, number = name.partition("#")
        replicas = topology.services[service].replicas if service in topology.services else 0
        if not number and replicas:
            chosen += [_Replica(service, each) for each in range(replicas)]
        elif number.isdecimal() and 1 <= int(number) <= replicas:
            chosen.append(_Replica(service, int(number) - 1))
        else:
            raise Failure(
                "service.unknown", f"there is no service {name!r}", where=topology.where,
                expected=f"one of: {', '.join(topology.services)}, with #2 for the second of several replicas",
                next=f"remit run {topology.where} {next(iter(topology.services), '')}",
            )  # fmt: skip
    return list(dict.fromkeys(chosen))


# ── one, here ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _run_here(topology: Topology, replica: _Replica, limits: Limits, *, attached: bool, as_json: bool) -> int:
    names = load_system(topology.system, only=()).names
    hosted = place(topology, dict.fromkeys(names)).services[replica.service].runs
    system = load_system(topology.system, only=hosted)
    model = system.model()
    placement = place(topology, shapes_of(model))
    placed = placement.services[replica.service]
    service = RunningService(model, placement, placed, replica=replica.number)
    edges = system.hosting([context for context in placed.runs if placed.has(context, "edge")])
    with contextlib.ExitStack() as stack:
        door: socket.socket | None = None
        if placed.service.http is not None:
            address = placed.service.http.of_replica(replica.number)
            door = stack.enter_context(listen(address.host, address.port))
        event_loop.run(
            _serve(edges, service, door, limits, replica.named(placement), attached=attached, as_json=as_json)
        )
    return 0


async def _serve(
    edges: System,
    service: RunningService,
    door: socket.socket | None,
    limits: Limits,
    name: str,
    *,
    attached: bool,
    as_json: bool,
) -> None:
    def ready(url: str | None) -> None:
        if as_json:
            said: dict[str, Any] = {"ready": True, "url": url, "system": edges.name, "service": name}
            print(jsons.dumps(said), flush=True)
        else:
            print(f"ready: {name} of {edges.name}{f' on {url}' if url else ''}", flush=True)

    ending = ending_by_signals()
    if attached:
        await _end_with_input(ending)
    doors = Doors(edges, service.runtime, door, limits) if door is not None else None
    await serve(service, doors, ending, ready)


async def _end_with_input(ending: asyncio.Event) -> None:
    """Whoever started this process holds its standard input open, and is gone when it ends."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    async def wait() -> None:
        while await reader.read(4096):
            pass
        ending.set()

    _waiting.add(task := asyncio.create_task(wait(), name="standard input"))
    task.add_done_callback(_waiting.discard)


_waiting: set[asyncio.Task[None]] = set()


# ── several, as children ────────────────────────────────────────────────────────────────────────────────────────────


def _command(path: str, replica: _Replica, limits: Limits) -> Sequence[str]:
    return [sys.executable, "-m", "remit.cli", "run", path, str(replica), "--attached", "--json", *limits.options]


def _environment(topology: Topology, placement: Placement, service: str) -> Mapping[str, str]:
    """That of this process, less the secrets of other services."""
    withheld = withheld_from(topology, placement.services[service])
    return {name: value for name, value in os.environ.items() if name not in withheld}


async def _supervise(topology: Topology, children: Mapping[str, Child], *, attached: bool, as_json: bool) -> int:
    def ready(said: dict[str, Any]) -> None:
        urls = {name: each.get("url") for name, each in said.items()}
        if as_json:
            print(jsons.dumps({"ready": True, "system": topology.system, "services": urls}), flush=True)
        else:
            shown = ", ".join(f"{name} on {url}" if url else name for name, url in urls.items())
            print(f"ready: {topology.system}: {shown}", flush=True)

    ending = ending_by_signals()
    if attached:
        await _end_with_input(ending)
    return await Supervisor(children, ready).run(ending)
