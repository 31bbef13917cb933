"""A shop whose component `acl` is a process of its own."""

from __future__ import annotations

import contextlib
import json
import time
import urllib.request
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from tests.acl.payments import SECRET, signed
from tests.cli.program import DEADLINE, Office, Running
from tests.servers.ports import free_port

TOPOLOGY = """
system = "payments:system"
[stores]
default = "{}"
[channels]
calls = "http"
[services.hooks]
runs = ["payments.acl"]
http = "127.0.0.1:0"
calls = "127.0.0.1:{}"
[services.payments]
runs = ["payments.write", "payments.read"]
calls = "127.0.0.1:{}"
"""


def post(hooks: Running, body: bytes, path: str = "/-/hooks/payments/stripe") -> int:
    """The status of the answer; 0 if the process was killed before it had sent one."""
    url = f"{hooks.ready['url']}{path}"
    request = urllib.request.Request(url, body, signed(body, time.time()))
    with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=DEADLINE) as answer:
        return int(answer.status)
    return 0


class Shop:
    """The shop as two services."""

    def __init__(self, folder: Path, store: str) -> None:
        self.file, self.deadly = folder / "shop.toml", folder / "deadly"
        self.file.write_text(TOPOLOGY.format(store, free_port(), free_port()))
        environment = {"STRIPE_SECRET": SECRET, "DEADLY": str(self.deadly)}
        self.office = Office(folder, Path(__file__).parent, environment)

    def running(self, service: str) -> Any:
        return self.office.started("run", str(self.file), service, "--json")

    def paid(self, invoice: str = "i-1") -> Any:
        asked = self.ask(invoice, "--fresh")
        assert asked.returncode == 0, asked.stderr
        return json.loads(asked.stdout)

    def ask(self, invoice: str, *options: str) -> CompletedProcess[str]:
        """How the question ended what was paid for an invoice."""
        about = json.dumps({"invoice": invoice})
        return self.office.remit("ask", str(self.file), "Paid", about, *options, place=False)

    def status(self) -> tuple[int, dict[str, Any]]:
        """The exit code of `remit status`, and the subscription to the webhook."""
        seen = self.office.remit("status", str(self.file), "--json", place=False)
        rows = json.loads(seen.stdout)["subscriptions"]
        return seen.returncode, next(each for each in rows if each["name"] == "payments.foreign:stripe")
