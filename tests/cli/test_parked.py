"""A poisoned message parks its key and no other; people see it, and settle it."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from remit.log import Channel, MessageRecord, SubscriptionId
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
    assert office.remit("parked", "list", NAME).stdout.splitlines() == table


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
        record = MessageRecord(0, number + 1, f"m{number}", "", f"k{number}", "desk.Posted", 1, 1.0, "{}", b"{}")
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
    record = MessageRecord(0, 1, "m1", "", "ada", "desk.Posted", 1, 1.0, "{}", b"{}")
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


HARBOUR = "harbour.system"


@pytest.fixture
def harbour(office: Office, tmp_path: Path) -> Office:
    """The same office, in a folder with a topology file of it, and a module that holds it."""
    place = office.data / "{context}.db"
    (tmp_path / "two.toml").write_text(
        f'system = "post_office:office"\n[stores]\ndefault = "sqlite:{place}"\n'
        '[services.all]\nruns = ["*"]\nhttp = "127.0.0.1:0"\n'
    )
    (tmp_path / "harbour").mkdir()
    (tmp_path / "harbour" / "system.py").write_text("from post_office import office\n")
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "__init__.py").write_text("raise RuntimeError('to settle letters needs no code')\n")
    (tmp_path / "mail" / "deliver.py").write_text("handler = None\n")
    (tmp_path / "pyproject.toml").write_text(f"[tool.remit]\nsystem = '{HARBOUR}'\n")
    office.environment["PYTHONPATH"] = os.pathsep.join([str(office.folder), os.environ.get("PYTHONPATH", "")])
    office.folder = tmp_path
    return office


def test_the_system_may_stand_anywhere(harbour: Office, running: Running) -> None:
    (harbour.folder / "mail" / "deliver.py").unlink()
    for system in ("two.toml", HARBOUR, f"{HARBOUR}:office", "."):
        place = system != "two.toml"
        for words in ([system], [NAME, system], [system, NAME]):
            listed = harbour.remit("parked", "list", *words, "--json", place=place)
            assert [row["key"] for row in json.loads(listed.stdout or "[]")] == ["ada"], (words, listed.stderr)
        for words in ([system, "ada"], ["ada", system], [system, NAME, "ada"], [NAME, system, "--key", "ada"]):
            shown = harbour.remit("parked", "show", *words, place=place)
            assert shown.stdout.startswith(f"{NAME}, from desk, key 'ada'\n"), (words, shown.stderr)
        retried = harbour.remit("parked", "retry", system, NAME, "--key", "ada", place=place)
        assert retried.stdout.startswith("1 key is due"), retried.stderr
    gone = harbour.remit("parked", "discard", "two.toml", NAME, "--key", "ada", "--reason", "none", place=False)
    assert gone.stdout.startswith("discarded "), gone.stderr


def test_a_subscription_that_is_called_like_a_module_is_one(harbour: Office) -> None:
    """A topology file beside it says so before anything is imported."""
    harbour.post("ada", "one")
    assert harbour.deliver("ada") == ["one"]
    assert harbour.remit("parked", "list", NAME, "two.toml", place=False).returncode == 0
    (harbour.folder / "mail" / "__init__.py").write_text("")
    assert harbour.remit("parked", "list", NAME).returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["list", NAME, "bob"], "'bob' is neither a subscription nor a system here"),
        (["list", "nowhere:system"], "'nowhere:system' is neither"),
        (["list", f"{HARBOUR}:nothing"], f"{HARBOUR} has no 'nothing'"),
        (["show"], "no key was given"),
        (["show", "."], "parked.none  key '.'"),
        (["show", "post_office.py:office", "ada"], "'post_office.py:office' is neither"),
        (["retry", NAME, "bob", "--all"], "give it as --key bob"),
        (["retry", "two.toml", "--store", "sqlite:x.db", "--all"], "no subscription was given"),
        (["retry", NAME, "--key", "ada", "--all"], "--key and --all cannot be given together"),
        (["retry", "two.toml", NAME], f"remit parked retry {NAME} two.toml --all"),
        (["discard", "bob", "--key", "bob", "--reason", "none"], "'bob' is neither a subscription nor a system here"),
        (["discard", NAME, "--key", "ada", "--reason", ""], "parked.reason"),
        (["list", "mail.typo"], "parked.none  mail.typo"),
    ],
)
def test_words_that_name_nothing_are_said(harbour: Office, words: list[str], said: str) -> None:
    (harbour.folder / "mail" / "deliver.py").unlink()
    harbour.post("ada", "one")
    ran = harbour.remit("parked", *words)
    assert ran.returncode == 2
    assert is_clear(ran.stderr, ran.stderr.partition(" ")[0]), ran.stderr
    assert said in ran.stderr


def test_a_subscription_with_nothing_parked_is_told_from_one_that_there_never_was(office: Office) -> None:
    office.post("ada", "one")
    assert office.deliver("ada") == ["one"]
    listed = office.remit("parked", "list", NAME)
    assert (listed.returncode, listed.stdout) == (0, "nothing is parked\n"), listed.stderr
    assert is_clear(office.remit("parked", "list", "mail.typo").stderr, "parked.none  mail.typo")
