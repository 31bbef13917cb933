"""Whom the broker has to know; a service that it cannot know is a finding."""

from __future__ import annotations

import pytest

from remit.errors import ModelError
from remit.topology.grants import grants_of
from remit.topology.placement import place
from remit.topology.users import users_of
from remit.transports.technology import BrokerUser
from tests.topology.files import SHOP, parsed, placed


def users(text: str) -> list[BrokerUser]:
    """The users of a topology without any relation."""
    placement = placed(text)
    return users_of(placement, grants_of(placement, lambda _upstream, _downstream: ["*"], {}))


SERVICES = '[services.a]\nruns = ["*"]\nhttp = "127.0.0.1:8000"\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (SERVICES, "there is no broker, so there are no users"),
        (
            '[stores]\ndefault = "postgresql://h/d"\n[channels]\nevents = "postgresql"\n' + SERVICES,
            "there is no broker",
        ),
        ('[channels]\nevents = "nats://h:1"\n' + SERVICES, "the broker has no user for this service"),
    ],
    ids=["no channel", "the database", "no credentials"],
)
def test_a_service_that_the_broker_cannot_know_is_a_finding(text: str, told: str) -> None:
    with pytest.raises(ModelError) as raised:
        users(text)
    (finding,) = raised.value.findings
    assert (finding.code, finding.where) == ("topology.no-user", "shop.toml [services.a]")
    assert told in finding.what


def test_a_service_is_known_by_its_own_credentials_or_by_those_of_the_channel() -> None:
    by_channel = users('[channels]\nevents = "nats://all:secret@h:1"\n' + SERVICES)
    own = users('[channels]\nevents = "nats://h:1"\n' + SERVICES + 'credentials = "me:secret"')
    assert ([user.name for user in by_channel], [user.name for user in own]) == (["all"], ["me"])


def test_users_are_known_without_their_passwords_and_not_without_their_names() -> None:
    text = '[channels]\nevents = "nats://all:${ALL}@h:1,nats://all:${ALL}@h:2"\n' + SERVICES

    def known(text: str) -> list[str]:
        placement = place(parsed(text, whole=False), SHOP)
        return [user.name for user in users_of(placement, grants_of(placement, lambda _to, _by: ["*"], {}))]

    assert known(text) == ["all"]
    assert known(text.replace("all:${ALL}@", "") + 'credentials = "me:${MINE}"') == ["me"]
    for unknown in (
        text.replace("all:", "${USER}:"),
        text.replace("nats://all:${ALL}@h:1,nats://all:${ALL}@h:2", "${URL}"),
    ):
        with pytest.raises(ModelError, match="the environment has no"):
            known(unknown)


APART = """
[channels]
events = "nats://all:secret@h:1"
calls = "nats://all:secret@h:1"

[stores]
default = "postgresql://h/d"

[services.a]
runs = ["sales", "billing.write"]
http = "127.0.0.1:8000"
credentials = "a:secret"

[services.b]
runs = ["billing.read"]
credentials = "b:secret"
"""


def test_a_user_relays_only_what_goes_over_the_broker() -> None:
    found = {user.name: (user.relays, user.relays_private) for user in users(APART)}
    assert found["a"] == (frozenset({"sales", "billing"}), frozenset({"billing"}))
    assert found["b"] == found["all"] == (frozenset(), frozenset())
    only_calls = APART.replace('events = "nats://all:secret@h:1"\n', "")
    assert not any(user.relays | user.relays_private for user in users(only_calls))
