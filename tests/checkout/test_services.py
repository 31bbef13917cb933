"""The web shop as real processes: one, and a service for each context."""

from pathlib import Path

import pytest

from learning.process import Services, at_free_ports
from tests.checkout.scenario import play
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
        assert set(services.stop().values()) == {0}
    finally:
        services.kill()
