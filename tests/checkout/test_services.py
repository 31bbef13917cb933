"""The web shop as real processes: one, and a service for each context."""

import json
from pathlib import Path
from urllib.request import urlopen

import pytest

from learning.process import Services, at_free_ports
from tests.checkout.scenario import ORDER, play
from tests.checkout.workspace import WEBSHOP
from webshop.system import webshop


@pytest.mark.parametrize("topology", ["monolith.toml", "split.toml"])
@pytest.mark.usefixtures("installed")
def test_an_order_is_placed_paid_and_dispatched_wherever_contexts_run(
    tmp_path: Path, site: Path, topology: str
) -> None:
    file = at_free_ports(WEBSHOP / "topologies" / topology, tmp_path)
    services = Services(file, {"PYTHONPATH": str(site)})
    try:
        services.start()
        with webshop.connect_sync(topology=str(file)) as app:
            play(app)
        door = services["checkout" if topology == "split.toml" else "webshop"]
        with urlopen(f"{door.url}/orders/{ORDER}") as answer:
            assert json.load(answer) == {"total": {"amount": "20.29", "currency": "EUR"}, "state": "dispatched"}
        assert set(services.stop().values()) == {0}
    finally:
        services.kill()
