"""A topology of the learning platform as real processes, with a real NATS server where it wants one."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from learning.process import TOPOLOGIES, Services, at_free_ports
from tests.servers.nats import NatsServer

NAMES = sorted(file.stem for file in TOPOLOGIES.glob("*.toml"))


class Deployment(NamedTuple):
    """Services, not yet started, and the broker they use, which runs."""

    services: Services
    nats: NatsServer | None


@contextmanager
def deployed(file: Path, folder: Path) -> Generator[Deployment]:
    """A topology in a folder of its own. At the end everything is killed that still runs."""
    folder.mkdir(parents=True, exist_ok=True)
    nats = NatsServer(folder / "nats", sync=False) if "NATS_URL" in file.read_text() else None
    services = Services(at_free_ports(file, folder), {} if nats is None else {"NATS_URL": nats.url})
    try:
        if nats is not None:
            nats.start()
        yield Deployment(services, nats)
    finally:
        services.kill()
        if nats is not None:
            nats.stop()


@contextmanager
def running(name: str, folder: Path) -> Generator[Services]:
    """The services of one of the example's topologies, ready."""
    with deployed(TOPOLOGIES / f"{name}.toml", folder) as (services, _):
        services.start()
        yield services
