"""What happens to a broker, or to those who bring events to it, while students are at work: nothing of it is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sized
from pathlib import Path

import pytest

from learning import checker
from learning.process import TOPOLOGIES, Services, at_free_ports
from remit.errors import RemitError
from tests.placements.busy import STUDENTS, busy
from tests.placements.deployment import deployed
from tests.placements.student import until
from tests.servers.nats_cluster import NatsCluster
from tests.servers.streams import count_messages

pytestmark = pytest.mark.timeout(180)  # processes share their machine with others

PAIRS = TOPOLOGIES / "pairs-nats.toml"
PAUSE_SECONDS = 5.0
LONG_PAUSE_SECONDS = 10.0
"""So long that who waits for an answer believes the connection lost."""
RECOVERY_SECONDS = 60.0
"""A relay that waits for a broker without a leader asks it a few times, for five seconds each."""
PUBLISHED = "remit-learning--enrollment-published"


def changed(folder: Path, before: str, after: str) -> Path:
    """The two services, with something else in their topology."""
    text = PAIRS.read_text()
    assert before in text
    file = folder / "draft.toml"
    file.write_text(text.replace(before, after, 1))
    return file


def published(services: Services) -> int:
    """How many messages the logs hold for other contexts."""
    return sum(len(kept.log[checker.PUBLISHED]) for kept in checker.read(services.data).values())


def brought(url: str) -> int:
    """How many of them the broker has; 0 while it does not say."""
    try:
        return asyncio.run(count_messages(url))
    except RemitError:
        return 0


def goes_on(services: Services, told: Sized, url: str) -> None:
    """Whole cohorts come through, and what their work has published is at the broker."""
    before = len(told)
    until(lambda: len(told) >= before + STUDENTS, RECOVERY_SECONDS)
    there = published(services)
    until(lambda: brought(url) >= there, RECOVERY_SECONDS)


def test_a_cluster_whose_leader_dies_goes_on_and_loses_nothing(tmp_path: Path) -> None:
    cluster = NatsCluster(tmp_path / "cluster")
    file = changed(tmp_path, 'codec = "msgpack" }', 'codec = "msgpack", replicas = 3 }')
    (tmp_path / "services").mkdir()
    services = Services(at_free_ports(file, tmp_path / "services"), {"NATS_URL": cluster.url})
    try:
        cluster.start()
        services.start()
        with busy(services) as told:
            until(lambda: len(told) >= STUDENTS)
            assert cluster.stream(PUBLISHED)["config"]["num_replicas"] == 3
            cluster.leader(PUBLISHED).kill()
            goes_on(services, told, cluster.url)  # with two servers only
    finally:
        services.kill()
        cluster.stop()


def test_a_broker_that_is_paused_costs_time_and_nothing_else(tmp_path: Path) -> None:
    with deployed(PAIRS, tmp_path) as (services, nats):
        assert nats is not None
        services.start()
        with busy(services) as told:
            until(lambda: len(told) >= STUDENTS)
            nats.pause()
            time.sleep(LONG_PAUSE_SECONDS)  # this is what is tested
            nats.resume()
            goes_on(services, told, nats.url)


def test_a_relay_that_is_paused_loses_nothing(tmp_path: Path) -> None:
    file = changed(tmp_path, 'http = "127.0.0.1:8001"', 'http = "127.0.0.1:8010"\nreplicas = 2')
    with deployed(file, tmp_path / "services") as (services, nats):
        assert nats is not None
        services.start()
        with busy(services) as told:
            for name in ("office#1", "office#2"):  # one of them holds the lease of each relay
                services[name].pause()
                time.sleep(PAUSE_SECONDS)  # this is what is tested
                services[name].resume()
            goes_on(services, told, nats.url)
