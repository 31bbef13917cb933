"""What is predicted for the sources of foreign messages, and for all else that runs in `acl`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from remit import Command, Context, Events, IntegrationEvent, Query, Record, Records, Sql, System, Value
from remit.advisor.contract import uses_of
from remit.advisor.impact import Impact, impact_of
from remit.advisor.outages import context_outage, service_outage
from remit.advisor.reading import interactions_of
from remit.foreign import BodySignature, Fetched, Polled, Webhook
from remit.relations import AntiCorruptionLayer
from remit.topology.file import read_topology
from remit.topology.placement import place
from remit.topology.shapes import shapes_of

bank, office = Context("bank"), Context("office")


class Slip(Value):
    id: str


class Credit(Command[None]):
    account: str


class Close(Command[None]):
    account: str


class Open(Command[None]):
    account: str


class Opened(IntegrationEvent, key="account"):
    account: str


class Balance(Query[int]):
    account: str


class Desks(Query[int]): ...


class Account(Record[str]):
    balance: int = 0


class Closure(Record[str]): ...


def slip_id(slip: Slip) -> str:
    return slip.id


async def newest(after: str) -> Fetched[Slip]:
    return Fetched([], after)


@bank.translate(Webhook("slips", verify=BodySignature("SECRET", header="X-Signature"), key=slip_id))
def slipped(slip: Slip) -> Credit:
    return Credit(account=slip.id)


@bank.translate(Polled("closures", fetch=newest, every=timedelta(minutes=1), key=slip_id))
def closed(slip: Slip) -> Close | None:
    return None


@bank.handle(Credit)
async def credit(command: Credit, accounts: Records[Account]) -> None: ...


@bank.handle(Close)
async def close(command: Close, closures: Records[Closure]) -> None: ...


@bank.handle(Open)
async def open_account(command: Open, events: Events[Opened]) -> None:
    events.publish(Opened(account=command.account))


@bank.answer(Balance)
async def balance(query: Balance, accounts: Records[Account]) -> int:
    return 0


@office.react(Opened)
async def noted(event: Opened, sql: Sql) -> None: ...


@office.answer(Desks)
async def desks(query: Desks, sql: Sql) -> int:
    return 0


LAYER = AntiCorruptionLayer(upstream=bank, downstream=office, module="tests.advisor.test_sources")
MODEL = System("bank", contexts=[bank, office], relations=[LAYER]).model()
INTERACTIONS = interactions_of(MODEL)
SERVICES = {
    "door": ["bank.acl"],
    "vault": ["bank.write"],
    "window": ["bank.read"],
    "post": ["office.acl"],
    "desk": ["office.read"],
}


def without(service: str, folder: Path) -> Impact:
    """What is predicted if a service is down."""
    file = folder / "bank.toml"
    lines = ['system = "bank"', 'channels.calls = "http"']
    for number, (name, runs) in enumerate(SERVICES.items()):
        http = 'http = "127.0.0.1:0", ' if name == "door" else ""
        lines.append(f'services.{name} = {{ runs = {runs}, {http}calls = "127.0.0.1:{9001 + number}" }}')
    file.write_text("\n".join(lines))
    placement = place(read_topology(file), shapes_of(MODEL))
    return impact_of(INTERACTIONS, service_outage(placement, service, "down"))


def test_without_the_service_of_the_sources_senders_are_refused_and_what_they_would_change_is_stale(
    tmp_path: Path,
) -> None:
    found = without("door", tmp_path)
    assert [each.name for each in found.fails] == ["POST /-/hooks/bank/slips"]
    assert {each.name: str(reason) for each, reason in found.waits.items()} == {
        "bank.foreign:slips": "POST /-/hooks/bank/slips → bank.foreign:slips",
        "bank.foreign:closures": "polled → bank.foreign:closures",
    }
    assert {each.name: str(each.because) for each in found.models} == {
        "bank.Account": "POST /-/hooks/bank/slips → bank.foreign:slips → bank.Credit → bank.Account",
        "bank.Closure": "polled → bank.foreign:closures → bank.Close → bank.Closure",
    }
    assert {each.name for each in found.stale} == {"bank.Credit", "bank.Close", "bank.Balance"}
    assert {each.name for each in found.not_fresh} >= {"bank.Balance"}


def test_sources_go_on_without_the_service_that_handles_their_commands(tmp_path: Path) -> None:
    found = without("vault", tmp_path)
    assert {each.name for each in found.goes_on} == {"bank.foreign:slips", "bank.foreign:closures"}
    assert {each.name for each in found.waits} == {"bank.commands"}
    assert {each.name for each in found.fails} == {"bank.Credit", "bank.Close", "bank.Open"}


def test_a_reaction_in_a_layer_waits_for_the_service_of_the_layer_and_its_source_goes_on(tmp_path: Path) -> None:
    found = without("post", tmp_path)
    assert [each.name for each in found.waits] == ["office.noted"]
    assert [each.name for each in found.models] == ["office tables"]
    assert [each.name for each in found.goes_on] == ["bank.Open"]
    assert {each.name for each in without("desk", tmp_path).fails} == {"office.Desks"}


def test_who_else_opens_the_store_of_a_context_says_how_far_its_subscriptions_are(tmp_path: Path) -> None:
    assert [each.name for each in without("window", tmp_path).not_fresh] == []


def test_a_slow_context_takes_in_what_its_webhooks_are_sent_and_translates_it_later() -> None:
    found = impact_of(INTERACTIONS, context_outage(INTERACTIONS, "bank", "slow"))
    assert {each.name for each in found.waits} == {"bank.commands", "bank.foreign:slips", "bank.foreign:closures"}
    assert not any(each.is_webhook for each in (*found.fails, *found.degrades))


def test_nobody_answers_the_webhooks_of_a_context_that_is_down() -> None:
    found = impact_of(INTERACTIONS, context_outage(INTERACTIONS, "bank", "down"))
    assert "POST /-/hooks/bank/slips" in {each.name for each in found.fails}


def test_a_changed_command_concerns_the_translations_that_send_it() -> None:
    uses = uses_of(INTERACTIONS, "bank.Credit")
    assert ("sends for later", "bank.foreign:slips") in {(each.what, each.point) for each in uses}
