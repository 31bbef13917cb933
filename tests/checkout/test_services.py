"""The web shop as real processes: one, and a service for each context."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from learning.process import Services, at_free_ports
from tests.checkout.scenario import ORDER, play
from tests.checkout.workspace import WEBSHOP
from tests.servers.nats import nats_url
from webshop.system import webshop

TOPOLOGIES = WEBSHOP / "topologies"


@pytest.fixture
def broker(topology: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server of NATS at $NATS_URL, if the topology asks for it."""
    if "NATS_URL" not in (TOPOLOGIES / topology).read_text():
        yield
        return
    with nats_url(tmp_path / "nats") as url:
        monkeypatch.setenv("NATS_URL", url)
        yield


@pytest.mark.parametrize("topology", sorted(file.name for file in TOPOLOGIES.glob("*.toml")))
@pytest.mark.usefixtures("installed", "broker")
def test_an_order_is_placed_paid_and_dispatched_wherever_contexts_run(
    tmp_path: Path, site: Path, topology: str
) -> None:
    services = Services(at_free_ports(TOPOLOGIES / topology, tmp_path), {"PYTHONPATH": str(site)})
    try:
        services.start()
        with webshop.connect_sync(topology=str(services.file)) as app:
            play(app)
        with urlopen(f"{services.urls[0]}/orders/{ORDER}") as answer:
            assert json.load(answer) == {"total": {"amount": "20.29", "currency": "EUR"}, "state": "dispatched"}
        assert set(services.stop().values()) == {0}
    finally:
        services.kill()
