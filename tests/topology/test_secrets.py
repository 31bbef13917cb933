"""A process needs the secrets of what it runs, and no others; its supervisor gives it no others."""

from __future__ import annotations

import pytest

from remit.errors import ModelError
from remit.hosting.assembly import CALLER
from remit.topology.placement import Placement, place
from remit.topology.secrets import settle, withheld_from
from tests.topology.files import SHOP, parsed

APART = """
[stores]
sales = "postgresql://sales:${SALES_PASSWORD}@${HOST}/shop"
billing = "${BILLING_URL}"
[channels]
events = "nats://script:${SCRIPT_PASSWORD}@broker:4222"
calls = { url = "http", key = "${SCRIPT_KEY}", public = "scripts____________________________________" }
[services.front]
runs = ["sales"]
http = "127.0.0.1:${PORT}"
calls = "127.0.0.1:9001"
credentials = "front:${FRONT_PASSWORD}"
key = "${FRONT_KEY}"
public = "front______________________________________"
[services.back]
runs = ["billing"]
calls = "127.0.0.1:9002"
key = "${BACK_KEY}"
public = "back_______________________________________"
"""
OPEN = {"PORT": "8001"}
"""What is no secret: every process reads it."""
NEEDED = {
    "front": {"SALES_PASSWORD", "HOST", "FRONT_KEY", "FRONT_PASSWORD"},
    "back": {"BILLING_URL", "BACK_KEY", "SCRIPT_PASSWORD"},
}


def told(placement: Placement, service: str) -> set[str]:
    """The variables that a service misses."""
    try:
        settle(placement.topology, placement.services.get(service, CALLER))
    except ModelError as error:
        return {finding.what.removeprefix("the environment has no ") for finding in error.findings}
    return set()


@pytest.mark.parametrize("service", ["front", "back"])
def test_a_service_needs_the_secrets_of_what_it_runs(service: str) -> None:
    bare = place(parsed(APART, whole=False, **OPEN), SHOP)
    assert told(bare, service) == NEEDED[service]
    own = {name: "postgresql://billing:hush@db/shop" if name == "BILLING_URL" else "hush" for name in NEEDED[service]}
    assert told(place(parsed(APART, whole=False, **OPEN, **own), SHOP), service) == set()


def test_who_calls_the_services_needs_what_the_channels_need() -> None:
    assert told(place(parsed(APART, whole=False, **OPEN), SHOP), "nobody") == {"SCRIPT_KEY", "SCRIPT_PASSWORD"}


def test_a_secret_that_is_missing_is_said_where_it_is_read_and_is_shown_nowhere() -> None:
    topology = parsed(APART, whole=False, **OPEN, HOST="db", SALES_PASSWORD="hush")
    assert topology.store_of("sales").url.value == "postgresql://sales:hush@db/shop"
    assert "hush" not in repr(topology)
    with pytest.raises(ModelError) as raised:
        _ = topology.store_of("billing").url.value
    assert "BILLING_URL" in str(raised.value)
    assert "[stores] billing" in str(raised.value)


def test_what_is_no_secret_is_needed_by_all() -> None:
    with pytest.raises(ModelError) as raised:
        parsed(APART, whole=False)
    assert [finding.what.rpartition(" ")[2] for finding in raised.value.findings] == ["PORT"]


@pytest.mark.parametrize("service", ["front", "back"])
def test_the_secrets_of_others_are_withheld(service: str) -> None:
    every = NEEDED["front"] | NEEDED["back"] | {"SCRIPT_KEY"}
    placement = place(parsed(APART, whole=False, **OPEN), SHOP)
    withheld = withheld_from(placement.topology, placement.services[service])
    assert withheld == every - NEEDED[service] | {"REMIT_ADMIN_URL", "REMIT_BROKER_ADMIN"}


def test_places_that_are_not_known_here_are_no_findings() -> None:
    text = APART.replace("postgresql://sales:${SALES_PASSWORD}@${HOST}/shop", "${BILLING_URL}")
    place(parsed(text, whole=False, **OPEN), SHOP)


def test_what_every_program_expects_is_withheld_from_none() -> None:
    text = APART.replace("${BILLING_URL}", "sqlite:${HOME}/${PYTHONPATH}/billing.db")
    placement = place(parsed(text, whole=False, **OPEN), SHOP)
    assert withheld_from(placement.topology, placement.services["front"]) == {
        "REMIT_ADMIN_URL", "REMIT_BROKER_ADMIN", "SCRIPT_PASSWORD", "SCRIPT_KEY", "BACK_KEY",
    }  # fmt: skip


def test_a_variable_that_is_empty_is_missing() -> None:
    """A key that is none would prove nothing."""
    values = dict.fromkeys(NEEDED["front"], "hush")
    placement = place(parsed(APART, whole=False, **OPEN | values | {"FRONT_KEY": ""}), SHOP)
    assert told(placement, "front") == {"FRONT_KEY is empty in the environment"}
