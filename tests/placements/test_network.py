"""The network between two services is spoilt: requests end by their deadline, and all is well again by itself."""

from __future__ import annotations

import asyncio
import threading
import tomllib
from collections.abc import Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from learning.process import TOPOLOGIES, Service
from tests.placements.deployment import Deployment, deployed
from tests.placements.student import MARGIN_SECONDS, Ada, until
from tests.transports.proxy import Proxy

pytestmark = pytest.mark.timeout(180)  # processes share their machine with others

DEADLINE_SECONDS = 1.0
CALLS = 10
"""At once, three times: more than a breaker waits for."""
CLOSED_SECONDS = 30.0
"""Twice what a breaker takes at most to close, once the other side can be reached: 5 s, and two probes of 5 s."""
BETWEEN = {"four-http": [("enrollment", "billing"), ("learning", "enrollment")], "edges-http": [("door", "office")]}
"""Who calls whom over the network that is spoilt, where there is no broker."""
BEHIND = {"four-nats": "billing", "edges-nats": "door"}
"""Who reaches the broker over it."""


class Network:
    """Proxies in a thread of their own, spoilt and healed together."""

    def __init__(self) -> None:
        self.proxies: list[Proxy] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def to(self, target: str) -> str:
        """An address that leads to another one."""
        proxy = Proxy(target)
        self.proxies.append(proxy)
        self._do(proxy.heal())
        return proxy.place

    def spoil(self, how: str) -> None:
        self._do(self._spoil(how))

    def heal(self) -> None:
        for proxy in self.proxies:
            self._do(proxy.heal())

    def close(self) -> None:
        for proxy in self.proxies:
            self._do(proxy.close())
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        """Waits for what was accepted while its proxy was closed, and is turned away."""
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)
        await asyncio.sleep(0)

    async def _spoil(self, how: str) -> None:
        for proxy in self.proxies:
            if how == "cut":
                await proxy.cut()
            elif how == "swallow":
                proxy.swallow()
            else:
                proxy.latency = 5.0

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)


@contextmanager
def over_a_network(name: str, folder: Path) -> Generator[tuple[Deployment, Network]]:
    """A topology, ready, with a network that can be spoilt."""
    with ExitStack() as stack:
        deployment = stack.enter_context(deployed(TOPOLOGIES / f"{name}.toml", folder))
        network = Network()
        stack.callback(network.close)
        services, nats = deployment
        if nats is not None:
            services[BEHIND[name]].environment["NATS_URL"] = f"nats://{network.to(nats.url.removeprefix('nats://'))}"
        else:
            for caller, called in BETWEEN[name]:
                text = services.file.read_text()
                address = tomllib.loads(text)["services"][called]["calls"]
                file = services.file.with_name(f"as-{caller}-sees-it.toml")
                file.write_text(text.replace(f'"{address}"', f'"{network.to(address)}"'))
                services.services[caller] = Service(file, caller, services.environment)
        services.start()
        yield deployment, network


@pytest.mark.parametrize(
    ("name", "how"), [("four-http", "cut"), ("edges-http", "swallow"), ("four-nats", "cut"), ("edges-nats", "latency")]
)
def test_a_spoilt_network_ends_requests_in_time_and_heals_by_itself(name: str, how: str, tmp_path: Path) -> None:
    with over_a_network(name, tmp_path) as ((services, _), network):
        ada = Ada(services)
        network.spoil(how)
        with ThreadPoolExecutor(CALLS) as pool:
            asking = [pool.submit(ada.enrolls, deadline=DEADLINE_SECONDS) for _ in range(3 * CALLS)]
        for answer in [each.result() for each in asking]:
            assert answer.status in (503, 504), answer
            assert answer.seconds < DEADLINE_SECONDS + MARGIN_SECONDS
        caller, address = ("enrollment", "billing") if name.startswith("four") else ("door", "enrollment")
        assert f"breaker-opened {address}.write" in services[caller].log()
        network.heal()
        # A door asks nothing by itself, so there it closes without any traffic.
        until(lambda: f"breaker-closed {address}.write" in services[caller].log(), CLOSED_SECONDS)
        if caller != "door":
            until(ada.is_enrolled)  # by itself
        assert ada.enrolls().status == 201
        ada.completes()
        ada.leaves()
