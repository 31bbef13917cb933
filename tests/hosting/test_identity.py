"""Services prove their names: a service that was taken over speaks for nobody else, over real HTTP."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from remit import System
from remit.cli.plan import plan
from remit.errors import ModelError, NotAllowed
from remit.hosting.checking import check_topology
from remit.hosting.services import Replica, make_service
from remit.log import Channel, MessageRecord
from remit.topology.file import Topology, read_topology
from remit.topology.grants import GrantsFile
from remit.transports import OUTSIDE, CallRequest, CallResponse
from remit.transports.http.keys import new_pair
from tests.hosting.guarded import (
    PAIRS,
    Guarded,
    Order,
    Owed,
    Restocked,
    guarded,
    system,
    topology_text,
    write_grants,
)

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Guarded]:
    async with guarded(tmp_path) as made:
        yield made


def command(message: str, caller: str, speaker: str, **fields: Any) -> CallRequest:
    headers = {
        "content-type": "application/json", "remit-type": message, "remit-version": "1", "remit-key": "k",
        "remit-caller": caller, "remit-timeout-ms": "5000", "remit-attempt": "0",
    }  # fmt: skip
    return CallRequest("command", headers, json.dumps(fields).encode(), speaker)


def of_log(kind: str, speaker: str, *question: Any) -> CallRequest:
    body = msgspec.msgpack.encode(question)
    return CallRequest(kind, {"content-type": "application/msgpack", "remit-timeout-ms": "5000"}, body, speaker)


def told(answer: CallResponse) -> tuple[str, str]:
    """Status, and what went wrong."""
    return answer.status, json.loads(answer.body).get("what", "") if answer.status != "ok" else ""


async def test_what_the_map_declares_works_and_nothing_is_turned_away(services: Guarded) -> None:
    file = services.topology.where
    async with system.connect(topology=file) as outside:
        assert await outside.send(Order(item="tea"), key="o-1") == 10
        assert await outside.ask(Owed(item="tea"), fresh=True) == 1
    assert services.turned_away == []


@pytest.mark.parametrize("caller", ["sales", "sales*"])
async def test_a_service_cannot_use_the_keys_of_another_context(services: Guarded, caller: str) -> None:
    """The office claims to be sales, in the header that owns the idempotency key, or in whose name it speaks."""
    for speaker, why in (("sales", "office: it does not run sales"), (OUTSIDE, "office: it runs no edge")):
        answer = await services.call("office", "stock.write", command("stock.Reserve", caller, speaker, item="tea"))
        assert told(answer) == ("call.not-allowed", why)
    mixed = command("stock.Reserve", "billing", "sales", item="tea")
    assert told(await services.call("shop", "stock.write", mixed)) == (
        "call.not-allowed", "sales gives a key of billing",
    )  # fmt: skip
    assert told(await services.call("shop", "stock.write", command("stock.Reserve", caller, "sales", item="tea")))[
        0
    ] == ("ok")


async def test_a_call_that_the_map_does_not_declare_is_refused(services: Guarded) -> None:
    for by, speaker, address, message in (
        ("shop", "sales", "stock.write", "stock.Destroy"),
        ("office", "billing", "stock.write", "stock.Reserve"),
        ("store", "stock", "sales.write", "sales.Order"),
    ):
        answer = await services.call(by, address, command(message, speaker, speaker, item="tea"))
        assert answer.status == NotAllowed.code, message
        assert "the context map does not let" in told(answer)[1]


async def test_a_message_is_answered_only_at_its_own_address(services: Guarded) -> None:
    """The grant names an address. A command under the address of queries would pass it by."""
    request = command("stock.Reserve", "sales", "sales", item="tea")
    answer = await services.call("shop", "stock.read", request)
    assert told(answer) == ("call.not-allowed", "stock.Reserve is not answered at this address")


async def test_a_follower_cannot_report_for_another_one(services: Guarded) -> None:
    progress = (Channel.PUBLISHED, "stock.commands", {0: 5})
    answer = await services.call("office", "sales.log", of_log("standing", "billing", *progress))
    assert told(answer) == ("call.not-allowed", "billing reports for stock.commands")
    answer = await services.call("office", "sales.log", of_log("standing", "stock", *progress))
    assert told(answer) == ("call.not-allowed", "office: it does not run stock")
    own = await services.call(
        "office", "sales.log", of_log("standing", "billing", Channel.PUBLISHED, "billing.charge", {0: 0})
    )
    assert own.status == "ok"


async def test_only_followers_by_the_map_read_a_log_and_nobody_its_private_channel(services: Guarded) -> None:
    published, private = (of_log("read", "billing", channel, 0, 0, 10) for channel in (1, 0))
    assert (await services.call("office", "sales.log", published)).status == "ok"
    assert told(await services.call("office", "sales.log", private))[1] == "only published messages can be read"
    answer = await services.call("office", "stock.log", published)
    assert told(answer) == ("call.not-allowed", "office: the context map does not let billing call stock.log")
    answer = await services.call("outside", "sales.log", published._replace(speaker=OUTSIDE))
    assert told(answer) == (
        "call.not-allowed",
        "a program outside: the context map does not let those outside call read of sales.log",
    )


def test_supplier_reads_the_log_of_a_customer_only_for_commands_that_the_map_lists(tmp_path: Path) -> None:
    """A command that is sent for later waits in the log of its sender. Stock lists one for sales, sales an event only
    for billing."""
    grants = write_grants(made(tmp_path))
    assert "sales.log" in grants["store"].speaks["stock"]
    assert "billing.log" not in grants["shop"].speaks["sales"]


# ── what is read of a log ───────────────────────────────────────────────────────────────────────────────────────────


PARTITIONS = 16


async def read(services: Guarded, by: str, speaker: str, *types: list[str]) -> list[MessageRecord]:
    """The log of sales, as a service reads it. An older follower does not say which types it follows."""
    found: list[MessageRecord] = []
    for part in range(PARTITIONS):
        asked = of_log("read", speaker, Channel.PUBLISHED, part, 0, 100, 0, *types)
        answer = await services.call(by, "sales.log", asked)
        assert answer.status == "ok", told(answer)
        found += msgspec.msgpack.decode(answer.body, type=list[MessageRecord])
    return found


async def test_a_reader_of_a_log_sees_the_types_that_it_follows_and_only_the_places_of_others(
    services: Guarded,
) -> None:
    """The supplier gets its command, the customer its event, and nobody the event that nobody follows."""
    async with system.connect(topology=services.topology.where) as outside:
        await outside.send(Order(item="tea"), key="the-case-of-ada")
    whole = [
        each
        for part in range(PARTITIONS)
        for each in await services.hosts["shop"].stores["sales"].read(Channel.PUBLISHED, part, 0, 100)
    ]
    assert sorted(each.type for each in whole) == ["sales.CaseNoted", "sales.OrderPlaced", "stock.Restock"]
    for by, speaker, own in (("store", "stock", "stock.Restock"), ("office", "billing", "sales.OrderPlaced")):
        seen = await read(services, by, speaker)
        assert [each for each in seen if each.type] == [each for each in whole if each.type == own]
        assert [each[:4] for each in seen] == [each[:4] for each in whole], "places and predecessors go on"
        blanks = [each for each in seen if not each.type]
        assert {(each.key, each.version, each.headers, each.payload) for each in blanks} == {("", 0, "{}", b"")}


async def test_followers_go_on_past_what_they_may_not_read(services: Guarded) -> None:
    async with system.connect(topology=services.topology.where) as outside:
        for number in range(3):
            await outside.send(Order(item="tea"), key=f"o-{number}")
        assert await outside.ask(Owed(item="tea"), fresh=True) == 3
        assert await outside.ask(Restocked(item="tea"), fresh=True) == 3
    assert services.turned_away == []


async def test_a_follower_of_more_than_its_grants_name_is_refused_and_skips_nothing(services: Guarded) -> None:
    """Its new release is there before the new grants."""
    asked = of_log("read", "billing", Channel.PUBLISHED, 0, 0, 9, 0, ["sales.CaseNoted", "sales.OrderPlaced"])
    assert told(await services.call("office", "sales.log", asked)) == (
        "call.not-allowed", "the context map does not let billing read sales.CaseNoted of the log",
    )  # fmt: skip
    assert (await read(services, "office", "billing", ["sales.OrderPlaced"])) == []


async def test_with_grants_that_name_no_types_a_log_is_served_whole(
    services: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older release has written them."""
    async with system.connect(topology=services.topology.where) as outside:
        await outside.send(Order(item="tea"), key="o-1")
    file = Path(services.topology.where).with_suffix(".grants.json")
    old = json.loads(file.read_text())
    for grant in old.values():
        del grant["reads"]
    file.write_text(json.dumps(old))
    monkeypatch.setattr("remit.topology.grants.RENEW_SECONDS", 0.0)
    seen = await read(services, "store", "stock", ["stock.*"])
    assert sorted(each.type for each in seen) == ["sales.CaseNoted", "sales.OrderPlaced", "stock.Restock"]


async def test_what_is_turned_away_is_counted_logged_and_helps(
    services: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        await services.call("office", "stock.write", command("stock.Reserve", "sales", "sales", item="tea"))
    seen = [(each.address, each.speaker, each.number) for each in services.turned_away]
    assert seen == [("stock.write", "sales", number) for number in (1, 2, 3)]
    lines = [record.getMessage() for record in caplog.records if "turned-away" in record.getMessage()]
    assert lines == [
        f"turned-away stock.write: call {number} that is not allowed: office: it does not run sales"
        for number in (1, 2)
    ]


async def test_those_outside_cannot_speak_for_a_context(services: Guarded) -> None:
    answer = await services.call("outside", "stock.write", command("stock.Reserve", "sales", OUTSIDE, item="tea"))
    assert told(answer) == ("call.not-allowed", "a program outside gives a key of sales")
    answer = await services.call("outside", "stock.write", command("stock.Reserve", "sales", "sales", item="tea"))
    assert told(answer)[0] == "call.not-allowed"


# ── the file of grants ──────────────────────────────────────────────────────────────────────────────────────────────


def made(folder: Path) -> Topology:
    """The topology in a folder, without a file of grants."""
    (folder / "guarded.toml").write_text(topology_text())
    return read_topology(folder / "guarded.toml")


@pytest.mark.parametrize(
    "text", [None, "", "[]", '{"shop": 1}', "\xff"], ids=["missing", "empty", "list", "no", "bytes"]
)
def test_a_service_without_grants_does_not_start_and_is_told_how_to_make_them(tmp_path: Path, text: str | None) -> None:
    topology = made(tmp_path)
    file = tmp_path / "guarded.grants.json"
    if text is not None:
        file.write_text(text, "latin-1")
    with pytest.raises(ModelError) as told:
        make_service(topology, Replica("shop", 0))
    (finding,) = told.value.findings
    assert (finding.code, finding.where) == ("topology.no-grants", str(file))
    assert finding.next == f"remit plan {topology.where} --grants > {file}"
    assert [each.code for each in check_topology(topology.where)[1]] == ["topology.no-grants"]


def test_a_service_whose_private_key_does_not_fit_its_public_one_does_not_start_and_check_finds_it(
    tmp_path: Path,
) -> None:
    own, others = PAIRS["shop"].private, new_pair().private
    file = tmp_path / "guarded.toml"
    file.write_text(topology_text().replace(own, others))
    topology = read_topology(file)
    write_grants(topology)
    with pytest.raises(ModelError) as told:
        make_service(topology, Replica("shop", 0))
    (finding,) = told.value.findings
    assert (finding.code, finding.where) == ("topology.key-mismatch", f"{file} [services.shop] key")
    assert finding.next.startswith("set it to the private key of shop, or run: remit key shop")
    assert others not in str(told.value)
    assert check_topology(str(file))[1] == [finding]
    file.write_text(topology_text().replace(own, "${SHOP_KEY}"))
    assert "topology.key-mismatch" not in [each.code for each in check_topology(str(file))[1]]
    file.write_text(topology_text().replace(own, "short"))
    assert "topology.key-mismatch" in [each.code for each in check_topology(str(file))[1]]


def test_grants_are_generated_and_checked_without_any_private_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who deploys a topology need not know the secrets of its services."""
    made(tmp_path)
    file = tmp_path / "guarded.toml"
    plan(str(file), grants=True)
    with_keys = capsys.readouterr().out
    file.write_text(re.sub(r'key = "[^"]+"', 'key = "${A_KEY_THAT_IS_NOT_HERE}"', topology_text()))
    plan(str(file), grants=True)
    printed = capsys.readouterr().out
    assert printed == with_keys
    (tmp_path / "guarded.grants.json").write_text(printed)
    assert check_topology(str(file))[1] == []


def test_grants_that_are_not_those_of_the_map_are_found(tmp_path: Path) -> None:
    topology = made(tmp_path)
    write_grants(topology, System("guarded", contexts=system.contexts))
    assert [each.code for each in check_topology(topology.where)[1]] == ["topology.old-grants"]
    write_grants(topology)
    assert check_topology(topology.where)[1] == []


def test_a_changed_file_of_grants_is_read_again_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    topology = made(tmp_path)
    write_grants(topology, System("guarded", contexts=system.contexts))
    now = [0.0]
    grants = GrantsFile(topology, clock=lambda: now[0])
    open_grant = grants.of("office")
    write_grants(topology)
    assert (grants.renew(), grants.of("office")) == (False, open_grant), "it has just looked"
    now[0] += 2
    assert grants.renew()
    assert grants.of("office") != open_grant
    before = grants.of("office")
    (tmp_path / "guarded.grants.json").write_text("{")
    now[0] += 2
    assert (grants.renew(), grants.of("office")) == (False, before)


def test_a_program_outside_needs_a_key_of_its_own(tmp_path: Path) -> None:
    text = re.sub(r"calls = \{.*\}", 'calls = "http"', topology_text())
    (tmp_path / "guarded.toml").write_text(text)

    async def call() -> None:
        async with system.connect(topology=str(tmp_path / "guarded.toml")):
            raise AssertionError

    with pytest.raises(ModelError, match=r"remit key --outside"):
        asyncio.run(call())
