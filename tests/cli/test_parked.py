"""A poisoned message parks its key and no other; people see it, and settle it."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator

import pytest

from remit.log import Channel, Record, SubscriptionId
from remit.stores import Park, Unit
from remit.stores.sqlite.store import SqliteStore
from tests.cli.program import Office, Running, is_clear

NAME = "mail.deliver"


@pytest.fixture
def running(office: Office) -> Iterator[Running]:
    """A post office that runs, with a poisoned letter for ada: one before it, two behind it, and one for bob."""
    with office.running() as running:
        for box, text in [("ada", "one"), ("ada", "poison"), ("ada", "two"), ("ada", "three"), ("bob", "one")]:
            status, _ = running.post("/letters", {"letter": f"{box}-{text}", "box": box, "text": text})
            assert status == 201
        office.wait_for(lambda row: row["position"] == 5)
        yield running


def column(table: str, title: str) -> str:
    """What the only row of a table shows under a title; values stand left or right under it."""
    head, row = table.splitlines()[:2]
    start, end = head.index(title), head.index(title) + len(title)
    return (row[:start].split(" ")[-1] + row[start:end] + row[end:].split(" ")[0]).strip()


def test_only_its_key_waits_and_status_says_so(office: Office, running: Running) -> None:
    assert running.get("/boxes/ada") == (200, ["one"]), "what came before the poison is there, what came after waits"
    assert running.get("/boxes/bob") == (200, ["one"]), "another key goes on"
    code, row = office.status()
    assert code == 1
    assert (row["name"], row["state"], row["parked"], row["lag"]) == (NAME, "parked", 1, 0)
    assert row["note"] == "key 'ada' with 3 waiting: ValueError: this letter is poisoned"
    table = office.remit("status", "post_office")
    assert (table.returncode, "poisoned" in table.stdout) == (1, True)
    assert (column(table.stdout, "PARKED"), column(table.stdout, "STATE")) == ("1", "parked")


def test_retry_after_the_fix_drains_in_order(office: Office, running: Running) -> None:
    office.cure()
    retried = office.remit("parked", "retry", NAME, "--key", "ada")
    assert (retried.returncode, retried.stdout) == (0, "1 key is due: the running service handles it now\n")
    code, row = office.wait_for(lambda row: row["parked"] == 0)
    assert (code, row["state"]) == (0, "running")
    assert running.get("/boxes/ada") == (200, ["one", "poison", "two", "three"])
    assert office.remit("parked", "list").stdout == "nothing is parked\n"


def test_retry_before_the_fix_changes_nothing(office: Office, running: Running) -> None:
    assert office.remit("parked", "retry", NAME, "--all").returncode == 0
    office.wait_for(lambda row: parked(office)[0]["attempts"] == 2)
    assert parked(office)[0]["waiting"] == 3
    assert running.get("/boxes/ada") == (200, ["one"])


def test_retry_says_when_nothing_runs(office: Office, running: Running) -> None:
    running.end(signal.SIGTERM)
    retried = office.remit("parked", "retry", NAME, "--all")
    assert (retried.returncode, retried.stdout) == (0, "1 key is due: but nothing is running; start remit run\n")
    code, row = office.status()
    assert (code, row["state"], row["parked"]) == (1, "silent", 1)
    table = office.remit("status", "post_office").stdout
    assert (column(table, "PARKED"), column(table, "STATE")) == ("1", "silent"), "a worse state hides no parked key"
    office.cure()
    with office.running():
        office.wait_for(lambda row: row["parked"] == 0)
    assert office.contents("ada") == ["one", "poison", "two", "three"]


def parked(office: Office) -> list[dict[str, object]]:
    listed = office.remit("parked", "list", "--json")
    assert listed.returncode == 0, listed.stderr
    rows: list[dict[str, object]] = json.loads(listed.stdout)
    return rows


def test_list_shows_keys(office: Office, running: Running) -> None:
    (row,) = parked(office)
    assert abs(time.time() - float(str(row.pop("since")))) < 60
    assert float(str(row.pop("retry_at"))) > time.time()
    assert row == {
        "subscription": NAME,
        "source": "desk",
        "channel": "published",
        "key": "ada",
        "attempts": 1,
        "error": "ValueError: this letter is poisoned",
        "waiting": 3,
    }
    table = office.remit("parked", "list").stdout.splitlines()
    assert table[0].split()[:3] == ["SUBSCRIPTION", "FROM", "KEY"]
    assert table[1].split()[:3] == [NAME, "desk", "ada"]
    assert json.loads(office.remit("parked", "list", "desk.commands", "--json").stdout) == []


def test_show_keeps_contents_to_itself_unless_asked(office: Office, running: Running) -> None:
    shown = office.remit("parked", "show", "ada")
    assert shown.returncode == 0
    assert shown.stdout.count("desk.LetterPosted version 1") == 3
    assert "this letter is poisoned" in shown.stdout
    assert '"text"' not in shown.stdout
    (report,) = json.loads(office.remit("parked", "show", "ada", "--json").stdout)
    assert ["payload" in letter for letter in report["letters"]] == [False] * 3
    assert [sorted(letter) for letter in report["letters"]] == [["at", "headers", "id", "type", "version"]] * 3
    (full,) = json.loads(office.remit("parked", "show", "ada", "--json", "--payload").stdout)
    assert [letter["payload"]["text"] for letter in full["letters"]] == ["poison", "two", "three"]
    assert '"text":"poison"' in office.remit("parked", "show", "ada", "--payload").stdout


def test_discard_lets_the_others_through(office: Office, running: Running) -> None:
    gone = office.remit("parked", "discard", NAME, "--key", "ada", "--reason", "made by a broken client")
    assert gone.returncode == 0, gone.stderr
    assert gone.stdout.startswith("discarded desk.LetterPosted ")
    assert gone.stdout.endswith("; 2 behind it, due now\n")
    office.wait_for(lambda row: row["parked"] == 0)
    assert running.get("/boxes/ada") == (200, ["one", "two", "three"])


def test_what_is_not_parked_is_said(office: Office, running: Running) -> None:
    for arguments, code in [
        (["show", "eve"], "parked.none  key 'eve'"),
        (["retry", NAME, "--key", "eve"], f"parked.none  {NAME} key 'eve'"),
        (["retry", "mail.nothing", "--all"], "parked.none  mail.nothing"),
        (["discard", NAME, "--key", "eve", "--reason", "none"], f"parked.none  {NAME} key 'eve'"),
        (["discard", NAME, "--key", "ada", "--reason", "none", "--source", "moon"], f"parked.none  {NAME} key 'ada'"),
        (["discard", NAME, "--key", "ada"], "cli.usage"),
        (["retry", NAME], "cli.usage"),
        (["retry", NAME, "--key", "ada", "--all"], "cli.usage"),
        (["retry", "nowhere.deliver", "--all"], "store.missing"),
    ]:
        ran = office.remit("parked", *arguments)
        assert ran.returncode == 2
        assert is_clear(ran.stderr, code), ran.stderr


async def test_list_says_when_it_does_not_show_all(office: Office) -> None:
    store = SqliteStore(office.data / "mail.db", "mail")
    await store.open()
    for number in range(3):
        record = Record(0, number + 1, f"m{number}", "", f"k{number}", "desk.Posted", 1, 1.0, "{}", b"{}")
        park = Park(SubscriptionId(NAME, "desk", Channel.PUBLISHED), record.key, record, float(number), "broken", 30.0)
        await store.commit(Unit(parks=[park]))
    await store.close()
    all_of_them = office.remit("parked", "list", "--limit", "3", "--json")
    assert ([row["key"] for row in json.loads(all_of_them.stdout)], all_of_them.stderr) == (["k0", "k1", "k2"], "")
    some = office.remit("parked", "list", "--limit", "2", "--json")
    assert [row["key"] for row in json.loads(some.stdout)] == ["k0", "k1"]
    assert some.stderr == "only the 2 longest parked are shown; --limit shows more\n"


async def test_what_is_parked_for_a_removed_subscription_is_told_and_can_be_thrown_away(office: Office) -> None:
    store = SqliteStore(office.data / "mail.db", "mail")
    await store.open()
    record = Record(0, 1, "m1", "", "ada", "desk.Posted", 1, 1.0, "{}", b"{}")
    await store.commit(
        Unit(parks=[Park(SubscriptionId("mail.send", "desk", Channel.PUBLISHED), "ada", record, 1.0, "broken", 30.0)])
    )
    await store.close()

    def states() -> dict[str, str]:
        seen = json.loads(office.remit("status", "post_office", "--json").stdout)
        return {row["name"]: row["state"] for row in seen["subscriptions"]}

    assert office.remit("parked", "list").stderr == "", "while nothing runs, nobody can tell"
    with office.running():
        assert states()["mail.send"] == "gone"
        assert "has no mail.send" in office.remit("parked", "list").stderr
        retried = office.remit("parked", "retry", "mail.send", "--all")
        assert "has no mail.send" in retried.stdout
        assert office.remit("parked", "discard", "mail.send", "--key", "ada", "--reason", "removed").returncode == 0
        assert "mail.send" not in states()
