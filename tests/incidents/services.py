"""The depot as two services over a NATS server that the test owns."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from learning.process import REMIT, Services, at_free_ports
from tests.servers.nats import NatsServer

SECONDS = 30.0
"""Until what a test waits for must have happened."""

TOPOLOGY = """
system = "depot:depot"
[stores]
default = "sqlite:data/{context}.db"
[channels]
events = "${NATS_URL}"
calls = "${NATS_URL}"
[services.desk]
runs = ["desk"]
http = "127.0.0.1:8001"
[services.mail]
runs = ["mail"]
http = "127.0.0.1:8002"
"""


class Depot:
    """Two services, and their broker, which is not started by itself."""

    def __init__(self, folder: Path, nats: NatsServer, topology: str = TOPOLOGY) -> None:
        draft = folder / "draft"
        draft.mkdir(parents=True)
        (draft / "depot.toml").write_text(topology)
        self.nats = nats
        self.services = Services(
            at_free_ports(draft / "depot.toml", folder), {"NATS_URL": nats.url, "DEPOT_SILENT": "2"}
        )
        for service in self.services.services.values():
            service.code = Path(__file__).parent

    @property
    def data(self) -> Path:
        return self.services.data

    def ask(
        self, service: str, path: str, body: Any = None, *, deadline: float = 5.0, key: str | None = None
    ) -> tuple[int, Any]:
        """Status and body of an answer."""
        headers = {"Content-Type": "application/json", "Request-Timeout": str(deadline)}
        if key is not None:
            headers["Idempotency-Key"] = key
        data = None if body is None else json.dumps(body).encode()
        try:
            with urlopen(Request(self.services[service].url + path, data, headers), timeout=60) as answer:
                return answer.status, json.loads(answer.read())
        except HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    def send(self, content: str, box: str = "a", *, key: str | None = None) -> int:
        """Sends a parcel; what it was answered, a number."""
        status, said = self.ask("desk", f"/boxes/{box}/parcels", {"content": content}, key=key)
        assert status == 201, said
        return int(said)

    def hand_over(self, content: str = "x", *, deadline: float = 5.0) -> tuple[int, Any]:
        return self.ask("desk", "/boxes/handed/hand-overs", {"content": content}, deadline=deadline)

    def delivered(self, box: str = "a") -> list[int]:
        """The lengths of the parcels in a box."""
        status, said = self.ask("mail", f"/boxes/{box}")
        assert status == 200, said
        return list(said)

    def status(self) -> dict[str, Any]:
        """What `remit status` says, by name of the subscription or relay."""
        done = subprocess.run(  # our own program
            [REMIT, "status", str(self.services.file), "--json"], capture_output=True, text=True, check=False,
            cwd=Path(__file__).parent, env=os.environ | self.services.environment,
        )  # fmt: skip
        assert done.stdout, done.stderr
        return {row["name"]: row for row in json.loads(done.stdout)["subscriptions"]}


def eventually(holds: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """Asks again and again until something holds, and returns it."""
    until = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < until, found
        time.sleep(0.05)  # between two questions to another process
    return found


@contextmanager
def depot(folder: Path, *, more: str = "", topology: str = TOPOLOGY) -> Generator[Depot]:
    """The depot in a folder. At the end everything is killed that still runs."""
    nats = NatsServer(folder / "nats", sync=False, more=more)
    made = Depot(folder / "depot", nats, topology)
    try:
        yield made
    finally:
        made.services.kill()
        nats.stop()
