"""Under the printed permissions everything remit does works, and nothing that is another context's."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

import msgspec
import pytest

from remit.errors import ChannelError, NotAllowed, Unavailable
from remit.log import Channel
from remit.testing.conformance.events import Ear, messages, publish_all
from remit.transports import OUTSIDE, CallRequest, CallResponse
from remit.transports.grants import as_subject
from remit.transports.nats.calls import NatsCalls, call_subject
from remit.transports.nats.connection import NatsConnection
from remit.transports.nats.events import NatsEvents
from remit.transports.nats.permissions import permissions
from remit.transports.nats.streams import stream_name
from remit.transports.technology import BrokerUser
from tests.servers.nats import NatsServer, nats_server

ENROLLMENT, BILLING = frozenset({"enrollment"}), frozenset({"billing"})
CHARGE = CallRequest("command", {"remit-type": "billing.Charge"}, b"?", "enrollment")
USERS = [
    BrokerUser(
        "front",
        writes=ENROLLMENT,
        relays_private=ENROLLMENT,
        speaks={
            "enrollment": {
                "billing.write": ["Charge", as_subject("Zählen")],
                "billing.log": ["heads", "read", "standing"],
            },
            OUTSIDE: {"billing.write": ["*"]},
        },
    ),
    BrokerUser("back", writes=BILLING, relays=BILLING, relays_private=BILLING, reads=BILLING),
]


class Process:
    """A service with its credentials."""

    def __init__(self, server: NatsServer, user: str) -> None:
        self.connection = NatsConnection(server.url, name=user, credentials=(user, f"{user}-secret"))
        self.calls = NatsCalls(self.connection, "shop")
        self.events = NatsEvents(self.connection, "shop")

    async def __aenter__(self) -> Self:
        await self.calls.open()
        await self.events.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.events.close()
        await self.calls.close()


async def echo(request: CallRequest) -> CallResponse:
    return CallResponse("ok", {}, request.body)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[NatsServer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FRONT_PASSWORD", "front-secret")
        patch.setenv("BACK_PASSWORD", "back-secret")
        folder: Path = tmp_path_factory.mktemp("nats")
        with nats_server(folder, more=permissions("shop", USERS)) as server:
            yield server


@pytest.fixture
async def pair(server: NatsServer) -> AsyncGenerator[tuple[Process, Process]]:
    async with AsyncExitStack() as stack:
        front = await stack.enter_async_context(Process(server, "front"))
        back = await stack.enter_async_context(Process(server, "back"))
        yield front, back


async def test_what_a_service_needs_works(pair: tuple[Process, Process]) -> None:
    front, back = pair
    ears = Ear(), Ear(), Ear()
    await front.events.prepare("enrollment", Channel.PRIVATE)
    for channel in Channel:
        await back.events.prepare("billing", channel)
    await front.events.listen("enrollment", Channel.PRIVATE, ears[0])
    await back.events.listen("billing", Channel.PRIVATE, ears[1])
    await front.events.listen("billing", Channel.PUBLISHED, ears[2])
    await front.events.publish("enrollment", Channel.PRIVATE, messages(1, 3))
    for channel in Channel:
        await back.events.publish("billing", channel, messages(1, 3))
        await publish_all(back.events, messages(2, 5), channel)  # the end of the subject has to be read
    for ear in ears:
        await ear.until(lambda ear=ear: 3 in ear.all, "messages arrive")  # type: ignore[misc]  # binds the loop's variable
    for address in ("billing.write", "billing.read", "billing.log"):
        await back.calls.serve(address, echo)
    for address, request in (
        ("billing.write", CHARGE),
        ("billing.write", CHARGE._replace(headers={"remit-type": "billing.Zählen"})),
        ("billing.write", CHARGE._replace(kind="ping", headers={})),
        ("billing.write", CallRequest("command", {"remit-type": "billing.Anything"}, b"?", OUTSIDE)),
        ("billing.log", CallRequest("read", {}, b"?", "enrollment")),
    ):
        assert (await front.calls.call(address, request, 5.0)).body == b"?"


UNDECLARED = {
    "a message": ("billing.write", CHARGE._replace(headers={"remit-type": "billing.Refund"})),
    "a message whose name is like a granted one": (
        "billing.write",
        CHARGE._replace(headers={"remit-type": "billing.Zöhlen"}),
    ),
    "a message that is called like a probe": ("billing.write", CHARGE._replace(headers={"remit-type": "billing.ping"})),
    "the called context": ("billing.write", CHARGE._replace(speaker="billing")),
    "a third context": ("billing.write", CHARGE._replace(speaker="stock")),
    "an address": ("billing.read", CallRequest("query", {"remit-type": "billing.Owed"}, b"", "enrollment")),
    "what a log is asked": ("billing.log", CallRequest("reach", {}, b"", "enrollment")),
    "those outside": ("billing.log", CallRequest("read", {}, b"", OUTSIDE)),
}


@pytest.mark.parametrize(("address", "asked"), list(UNDECLARED.values()), ids=list(UNDECLARED))
async def test_a_call_that_the_map_does_not_grant_is_denied_by_the_broker(
    pair: tuple[Process, Process], address: str, asked: CallRequest
) -> None:
    front, back = pair
    await back.calls.serve(address, echo)
    with pytest.raises(NotAllowed, match="denies"):
        await front.calls.call(address, asked, 5.0)


async def test_a_call_under_the_subject_of_another_one_is_refused(pair: tuple[Process, Process]) -> None:
    front, back = pair
    seen: list[CallRequest] = []

    async def note(request: CallRequest) -> CallResponse:
        seen.append(request)
        return await echo(request)

    await back.calls.serve("billing.write", note)
    frame = msgspec.msgpack.encode(["command", {"remit-type": "billing.Refund"}, b""])
    granted = call_subject("shop", "billing.write", "enrollment", "Charge")
    await front.connection.request(granted, frame, {}, 5.0)
    assert [(each.speaker, each.refused) for each in seen] == [
        ("enrollment", "it asks for Refund under the subject of Charge")
    ]
    await back.calls.serve("billing.log", note)
    frame = msgspec.msgpack.encode(["reach", {"remit-type": "x.read"}, b""])
    await front.connection.request(call_subject("shop", "billing.log", "enrollment", "read"), frame, {}, 5.0)
    assert seen[-1].refused == "it asks for reach under the subject of read"


@pytest.mark.parametrize("channel", Channel)
async def test_another_contexts_events_cannot_be_published(pair: tuple[Process, Process], channel: Channel) -> None:
    front, back = pair
    ear = Ear()
    await back.events.prepare("billing", channel)
    await back.events.listen("billing", channel, ear)
    with pytest.raises(Unavailable, match="denies"):
        await front.events.publish("billing", channel, messages(1, 3, part=9))
    kind = "published" if channel else "private"
    with pytest.raises(Unavailable, match="denies"):
        await front.connection.request(f"remit.shop.events.billing.{kind}.9", b"{}", {}, 5.0)
    await back.events.publish("billing", channel, messages(1, 1, part=8))
    await ear.until(lambda: ear.all == [1], "nothing of it arrives")
    assert ear.records == messages(1, 1, part=8)


async def test_another_contexts_private_events_cannot_be_heard(pair: tuple[Process, Process]) -> None:
    front, back = pair
    await back.events.prepare("billing", Channel.PRIVATE)
    await back.events.publish("billing", Channel.PRIVATE, messages(1, 1, part=7))
    with pytest.raises(ChannelError, match="denies"):
        await front.events.listen("billing", Channel.PRIVATE, Ear())
    with pytest.raises(ChannelError, match="denies"):
        await back.events.listen("enrollment", Channel.PUBLISHED, Ear())  # nor published ones that it does not follow
    private = "remit-shop--billing-private"
    own = "remit-shop--enrollment-private"
    for question in (f"MSG.GET.{private}", f"DELETE.{private}", f"CREATE.{private}", f"UPDATE.{own}", "NAMES"):
        with pytest.raises(Unavailable, match="denies"):
            await front.connection.request(f"$JS.API.STREAM.{question}", b'{"seq":1}', {}, 5.0)


async def test_a_stream_that_the_topology_does_not_use_cannot_be_created(pair: tuple[Process, Process]) -> None:
    """Such a stream could have the events of another context as its source, and its subjects."""
    front, _ = pair
    name = "remit-shop--enrollment-published"
    copying = msgspec.json.encode({"name": name, "sources": [{"name": "remit-shop--billing-private"}]})
    with pytest.raises(Unavailable, match="denies"):
        await front.connection.request(f"$JS.API.STREAM.CREATE.{name}", copying, {}, 5.0)


async def test_another_contexts_calls_cannot_be_answered_or_overheard(pair: tuple[Process, Process]) -> None:
    front, back = pair
    with pytest.raises(ChannelError, match="denies"):
        await front.calls.serve("billing.write", echo)
    for subject in ("_INBOX.>", "_INBOX.back.>", "remit.>", ">"):
        with pytest.raises(ChannelError, match="denies"):
            await front.connection.listen(subject, _nobody, lambda: None)
    with pytest.raises(NotAllowed, match="denies"):
        await back.calls.call("enrollment.write", CallRequest("command", {}, b""), 5.0)
    with pytest.raises(NotAllowed, match="denies"):
        await back.calls.call("enrollment.log", CallRequest("read", {}, b""), 5.0)


async def _nobody(_: object) -> None: ...


async def test_without_a_password_nobody_comes_in(server: NatsServer) -> None:
    with pytest.raises(ChannelError, match="refuses the credentials"):
        await NatsConnection(server.url, name="stranger").open()


def test_a_user_that_cannot_be_part_of_a_subject_is_refused() -> None:
    with pytest.raises(ChannelError, match=r"fr\.nt"):
        permissions("shop", [BrokerUser("fr.nt")])


def test_streams_of_two_systems_have_two_names() -> None:
    names = {
        stream_name("depot", "east-orders", Channel.PUBLISHED),
        stream_name("depot-east", "orders", Channel.PUBLISHED),
    }
    assert len(names) == 2


@pytest.mark.parametrize(("one", "other"), [("svc-a", "svc_a"), ("Front", "front")])
def test_two_users_who_would_have_one_password_are_refused(one: str, other: str) -> None:
    with pytest.raises(ChannelError, match=f"{one}.*{other}.* would have one password") as raised:
        permissions("shop", [BrokerUser(one), BrokerUser("back"), BrokerUser(other)])
    assert raised.value.where == "credentials"
