"""Under the printed permissions everything remit does works, and nothing that is another context's."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

import msgspec
import pytest

from remit.errors import ChannelError, NotAllowed, NotPrepared, Unavailable
from remit.log import Channel
from remit.testing.conformance.events import Ear, messages, publish_all
from remit.transports import OUTSIDE, CallRequest, CallResponse
from remit.transports.grants import as_subject
from remit.transports.nats.calls import NatsCalls, call_subject
from remit.transports.nats.connection import NatsConnection
from remit.transports.nats.events import NatsEvents
from remit.transports.nats.opening import prepare_events
from remit.transports.nats.permissions import permissions
from remit.transports.nats.streams import stream_name
from remit.transports.technology import BrokerUser, ChannelSettings
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
    BrokerUser(
        "back",
        writes=BILLING,
        relays=BILLING | {"ledger"},
        relays_private=BILLING,
        reads=BILLING,
    ),
]


STREAMS = [
    ("billing", Channel.PUBLISHED), ("billing", Channel.PRIVATE), ("enrollment", Channel.PRIVATE),
    ("ledger", Channel.PUBLISHED),
]  # fmt: skip
"""All that the users relay. The last one is not made before the tests."""


async def made(server: NatsServer, needed: Sequence[tuple[str, Channel]], user: str = "administrator") -> list[bool]:
    """Makes streams as this user, and returns which of them were not there."""
    settings = ChannelSettings("shop", "test", url=server.url, credentials=(user, f"{user}-secret"))
    return [each.made for each in await prepare_events(settings, needed)]


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
        patch.setenv("ADMINISTRATOR_PASSWORD", "administrator-secret")
        folder: Path = tmp_path_factory.mktemp("nats")
        with nats_server(folder, more=permissions("shop", USERS)) as server:
            asyncio.run(made(server, STREAMS[:-1]))
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


@pytest.mark.parametrize("name", ["remit-shop--ledger-published", "remit-shop--enrollment-published", "remit-x"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"sources": [{"name": "remit-shop--enrollment-private"}]},
        {"mirror": {"name": "remit-shop--enrollment-private"}},
        {"subjects": ["remit.shop.events.enrollment.>", "remit.shop.calls.>", "_INBOX.>"]},
    ],
    ids=["as it should be", "with sources", "as a mirror", "with subjects of others"],
)
async def test_no_service_may_create_or_change_a_stream(
    pair: tuple[Process, Process], name: str, settings: dict[str, object]
) -> None:
    """Also not one that it publishes to, and that does not exist yet: it could copy the events of another context."""
    _, back = pair
    for question in ("CREATE", "UPDATE"):
        for stream in (name, "remit-shop--billing-published"):
            asked = msgspec.json.encode({"name": stream, **settings})
            with pytest.raises(Unavailable, match="denies"):
                await back.connection.request(f"$JS.API.STREAM.{question}.{stream}", asked, {}, 5.0)


async def test_a_missing_stream_is_told_with_what_to_do_until_an_administrator_has_made_it(
    server: NatsServer, pair: tuple[Process, Process], caplog: pytest.LogCaptureFixture
) -> None:
    _, back = pair
    missing = STREAMS[-1]
    with pytest.raises(NotPrepared, match="remit-shop--ledger-published") as raised:
        await back.events.prepare(*missing)
    with pytest.raises(NotPrepared):
        await back.events.publish(*missing, messages(1, 1))
    assert raised.value.code == "channel.not-prepared"
    assert raised.value.next.startswith("remit migrate FILE.toml --broker-admin")
    (told,) = [each.getMessage() for each in caplog.records if each.levelname == "ERROR"]
    assert told == str(raised.value)
    for needed in (missing, ("sales", Channel.PUBLISHED)):
        with pytest.raises(ChannelError, match="this user may not create the streams"):
            await made(server, [needed], "back")
    assert await made(server, STREAMS) == [False, False, False, True]
    await back.events.prepare(*missing)
    assert await back.events.publish(*missing, messages(1, 2)) == 2


async def test_the_administrator_can_only_look_after_the_streams(server: NatsServer) -> None:
    async with Process(server, "administrator") as administrator:
        for subject in ("remit.shop.events.billing.published.1", "$JS.API.STREAM.CREATE.x", "$JS.API.STREAM.NAMES"):
            with pytest.raises(Unavailable, match="denies"):
                await administrator.connection.request(subject, b"{}", {}, 5.0)
        with pytest.raises(ChannelError, match="denies"):
            await administrator.events.listen("billing", Channel.PUBLISHED, Ear())


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


@pytest.mark.parametrize("name", ["fr.nt", "administrator"])
def test_a_user_that_cannot_be_one_of_a_service_is_refused(name: str) -> None:
    with pytest.raises(ChannelError, match=re.escape(name)):
        permissions("shop", [BrokerUser(name)])


def test_without_streams_there_is_no_administrator() -> None:
    """To NATS, a user with an empty list of what it may publish may publish everything."""
    assert "administrator" not in permissions("shop", [BrokerUser("front", writes=ENROLLMENT)])


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
