"""A call proves which service makes it; whatever else it claims is refused, over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from remit.errors import ChannelError, NotAllowed, OutcomeUnknown
from remit.testing.conformance.calls import ADDRESS
from remit.transports import OUTSIDE, CallRequest, CallResponse, Grant
from remit.transports.http.calls import HttpCalls
from remit.transports.http.keys import WINDOW_SECONDS, Keys, Peer, new_pair, public_of
from tests.transports.keyed import PAIRS, PEERS, SPEAKS, Known, keys_of, peer

QUESTION = CallRequest("query", {"remit-type": "billing.Owed", "remit-key": "k"}, b"{}", "sales")


class Back:
    """The called service: notes what reaches it."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.seen: list[CallRequest] = []
        self.known = Known()
        self.now = 1e9
        self.place = ""

    async def open(self) -> None:
        server = HttpCalls({}, listen="127.0.0.1:0", keys=keys_of("back", known=self.known, clock=lambda: self.now))
        await server.open()
        self._stack.push_async_callback(server.close)
        for address in (ADDRESS, "billing.read", "billing.log", "stock.write"):
            await server.serve(address, self.answer)
        self.place = server.listening or ""

    async def answer(self, request: CallRequest) -> CallResponse:
        self.seen.append(request)
        return CallResponse(NotAllowed.code if request.refused else "ok", {}, b"")

    async def refused(self, keys: Keys | None, request: CallRequest = QUESTION, address: str = ADDRESS) -> str:
        """Why a call is refused that a process with these keys makes."""
        client = HttpCalls({address: [self.place]}, keys=keys, peers=PEERS)
        await client.open()
        self._stack.push_async_callback(client.close)
        await client.call(address, request, 5.0)
        return self.seen[-1].refused

    async def sent(self, headers: dict[str, str], body: bytes = b"{}", address: str = ADDRESS) -> str:
        """Why a request is refused that somebody has recorded and sends again."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"http://{self.place}/remit/{address}", data=body, headers=headers) as response,
        ):
            await response.read()
        return self.seen[-1].refused


@pytest.fixture
async def back() -> AsyncIterator[Back]:
    async with AsyncExitStack() as stack:
        made = Back(stack)
        await made.open()
        yield made


def front(back: Back, **options: Any) -> Keys:
    return keys_of("front", clock=lambda: back.now, **options)


async def test_a_service_that_proves_its_name_is_believed(back: Back) -> None:
    assert await back.refused(front(back)) == ""
    assert back.seen == [QUESTION]


@pytest.mark.parametrize("proof", ["", "remit-proof: nobody 1000000000000 00\r\n"], ids=["no proof", "of nobody"])
async def test_who_is_not_known_is_refused_before_the_body_of_the_request_is_read(back: Back, proof: str) -> None:
    host, _, port = back.place.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /remit/{ADDRESS} HTTP/1.1\r\nhost: {back.place}\r\nremit-kind: query\r\ncontent-length: {1 << 20}\r\n"
    writer.write(f"{head}{proof}\r\n".encode())
    answer = await reader.readuntil(b"\r\n\r\n")  # not one byte of the body was sent
    writer.close()
    assert f"remit-status: {NotAllowed.code}".encode() in answer.lower()
    (seen,) = back.seen
    assert seen.refused
    assert seen.body == b""


async def test_a_large_call_of_a_service_that_is_not_known_gets_its_answer(back: Back) -> None:
    stranger = keys_of("nobody", private=PAIRS["front"].private, clock=lambda: back.now)
    assert "no service 'nobody'" in await back.refused(stranger, QUESTION._replace(body=b" " * (1 << 20)))


async def test_a_call_without_a_proof_is_refused(back: Back) -> None:
    assert await back.refused(None) == "the call does not prove which service makes it"


@pytest.mark.parametrize("proof", ["front", "front 1 2 3", "front -1 x", "front 1000000000000 ä", " 1 2", "~"])
async def test_a_proof_that_is_none_is_refused(back: Back, proof: str) -> None:
    assert await back.sent({"remit-kind": "query", "remit-proof": proof}) != ""


async def test_a_service_cannot_make_the_call_of_another_one(back: Back) -> None:
    liar = front(back, private=PAIRS["third"].private)
    assert await back.refused(liar) == (
        "the call was not made with the key of front for back, or was changed on its way"
    )


async def test_a_service_that_the_grants_do_not_know_is_refused(back: Back) -> None:
    stranger = Keys("stranger", new_pair().private, Known())
    assert await back.refused(stranger) == "the grants know no service 'stranger' with a key"


async def test_a_service_cannot_speak_for_a_context_of_another_one(back: Back) -> None:
    third = keys_of("third", clock=lambda: back.now)
    assert await back.refused(third) == "third: it does not run sales"
    assert await back.refused(third, QUESTION._replace(speaker=OUTSIDE)) == "third: it runs no edge"
    assert await back.refused(third, QUESTION._replace(speaker="")) == "third: it does not run what it speaks for"
    assert await back.refused(third, QUESTION._replace(speaker="stock")) == ""


async def test_what_the_map_does_not_cover_is_refused(back: Back) -> None:
    for address, kind, headers, why in (
        ("billing.read", "query", {"remit-type": "billing.Owed"}, ""),
        ("billing.read", "query", {"remit-type": "billing.Debtors"}, "does not let sales call Debtors of billing.read"),
        ("billing.read", "query", {"remit-type": "billing.支付"}, ""),
        ("billing.read", "query", {"remit-type": "billing.退款"}, "does not let sales call 退款 of billing.read"),
        ("billing.read", "query", {"remit-type": "billing.__"}, "call __ of billing.read"),
        ("billing.read", "ping", {}, ""),
        ("billing.read", "query", {"remit-type": "billing.ping"}, "does not let sales call ping of billing.read"),
        ("billing.read", "$ping", {}, "call $ping of billing.read"),
        ("stock.write", "command", {"remit-type": "stock.Take"}, "does not let sales call stock.write"),
        ("stock.write", "ping", {}, "does not let sales call stock.write"),
        ("billing.log", "read", {}, ""),
        ("billing.log", "standing", {}, "does not let sales call standing of billing.log"),
        ("billing.log", "standing", {"remit-type": "x.read"}, "does not let sales call standing of billing.log"),
    ):
        told = await back.refused(front(back), CallRequest(kind, headers, b"", "sales"), address)
        assert told.endswith(why)
        assert bool(told) is bool(why)


# ── recorded calls ──────────────────────────────────────────────────────────────────────────────────────────────────


def recorded(to: Peer, back: Back, request: CallRequest = QUESTION) -> dict[str, str]:
    """The headers of a call of the front, as they pass on the network."""
    proof = front(back).prove(to, ADDRESS, request)
    return {**request.headers, "remit-kind": request.kind, "remit-speaker": request.speaker, "remit-proof": proof}


async def test_a_recorded_call_is_worth_nothing_at_another_service(back: Back) -> None:
    assert "key of front for back" in await back.sent(recorded(peer("third"), back))
    assert await back.sent(recorded(peer("back"), back)) == "", "only where it was sent"


@pytest.mark.parametrize("name", ["remit-type", "remit-key", "remit-kind", "remit-speaker", "remit-more"])
async def test_a_recorded_call_is_worth_nothing_with_another_header(back: Back, name: str) -> None:
    assert "changed on its way" in await back.sent({**recorded(peer("back"), back), name: "billing.other"})


async def test_a_recorded_call_is_worth_nothing_with_another_content_or_address_or_time(back: Back) -> None:
    headers = recorded(peer("back"), back)
    assert "changed on its way" in await back.sent(headers, b"{ }")
    assert "changed on its way" in await back.sent(headers, address="billing.read")
    service, at, code = headers["remit-proof"].split()
    headers["remit-proof"] = f"{service} {int(at) + 1} {code}"
    assert "changed on its way" in await back.sent(headers)


@pytest.mark.parametrize("late", [WINDOW_SECONDS + 1, -WINDOW_SECONDS - 1])
async def test_a_recorded_call_is_worth_nothing_later(back: Back, late: float) -> None:
    headers = recorded(peer("back"), back)
    back.now += late
    assert await back.sent(headers) == f"front made the call {late:.0f} s ago by the clock here; at most 300 s"


async def test_a_call_is_not_turned_around(back: Back) -> None:
    """Both derive the same secret. A call of the front to the back is none of the back to the front."""
    headers = recorded(peer("back"), back)
    _, at, code = headers["remit-proof"].split()
    there = keys_of("front", clock=lambda: back.now)
    assert "key of back for front" in there.refused(f"back {at} {code}", ADDRESS, QUESTION)


# ── answers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Impostor:
    """Answers at the address of the back, with what it has recorded or made up."""

    def __init__(self, headers: dict[str, str], body: bytes) -> None:
        self._headers, self._body = headers, body

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        return web.Response(body=self._body, headers={"remit-status": "ok", **self._headers})


async def answered(made: Impostor, back: Back) -> CallResponse:
    """What the front makes of it."""
    runner = web.ServerRunner(web.Server(made.answer))
    await runner.setup()
    client = HttpCalls({}, keys=front(back), peers=PEERS)
    await client.open()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        client._addresses = {ADDRESS: [f"{host}:{port}"]}
        return await client.call(ADDRESS, QUESTION, 5.0)
    finally:
        await client.close()
        await runner.cleanup()


async def test_nobody_else_answers_for_a_service(back: Back) -> None:
    proof, other = (front(back).prove(to, ADDRESS, QUESTION) for to in (peer("back"), peer("third")))
    seals = keys_of("back", clock=lambda: back.now)
    answer = CallResponse("ok", {}, b"42")
    for seal, body in (
        ("", b"42"),
        ("0" * 64, b"42"),
        (keys_of("third").seal(proof, answer), b"42"),
        (seals.seal(other, answer), b"42"),
        (seals.seal(proof, answer), b"43"),
        (seals.seal(proof, answer._replace(headers={"remit-kept": "1"})), b"42"),
        (seals.seal(proof, answer._replace(status="call.failed")), b"42"),
    ):
        with pytest.raises(OutcomeUnknown, match="does not prove that back gave it"):
            await answered(Impostor({"remit-proof": seal}, body), back)
    assert await answered(Impostor({"remit-proof": seals.seal(proof, answer)}, b"42"), back) == answer


async def test_who_is_not_known_is_told_so(back: Back) -> None:
    """The called service has no key with which it could prove that to a stranger."""
    assert await answered(Impostor({"remit-status": NotAllowed.code}, b"{}"), back)


# ── keys and grants ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_new_consumer_is_granted_without_a_new_start_of_the_called_service(back: Back) -> None:
    pair, changed = new_pair(), dict(back.known.grants)
    fourth = Keys("fourth", pair.private, Known(), lambda: back.now)
    assert "no service 'fourth'" in await back.refused(fourth, QUESTION._replace(speaker="audit"))
    back.known.newer = {**changed, "fourth": Grant(pair.public, {"audit": {ADDRESS: ["*"]}})}
    assert await back.refused(fourth, QUESTION._replace(speaker="audit")) == ""


async def test_a_withdrawn_grant_is_refused_at_the_next_call(back: Back) -> None:
    assert await back.refused(front(back)) == ""
    back.known.newer = {**back.known.grants, "front": Grant(PAIRS["front"].public, {})}
    assert await back.refused(front(back)) != ""


async def test_a_key_that_was_replaced_opens_nothing(back: Back) -> None:
    back.known.grants["front"] = Grant(new_pair().public, SPEAKS["front"])
    assert "key of front for back" in await back.refused(front(back))


async def test_a_grant_without_a_key_is_told(back: Back) -> None:
    for public, why in (("", "no service 'front' with a key"), ("no key", "the key of front in the grants is no key")):
        back.known.grants["front"] = Grant(public, SPEAKS["front"])
        assert why in await back.refused(front(back))


def test_a_public_key_belongs_to_its_private_key() -> None:
    one, other = new_pair(), new_pair()
    assert public_of(one.private) == one.public != other.public
    assert {len(text) for text in (*one, *other)} == {43}


@pytest.mark.parametrize("text", ["", "short", "A" * 44, "ä" * 43])
def test_a_text_that_is_no_key_is_told_and_not_shown(text: str) -> None:
    with pytest.raises(ChannelError, match="is not a key") as told:
        Keys("front", text, Known())
    assert "remit key" in told.value.next
