"""What happened to an event-sourced aggregate is shown readably, and its state after any event."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from remit.cli.program import execute
from tests.cli.ledger import Close, Open, Pay, ledger

SYSTEM = "tests.cli.ledger:ledger"
Printed = pytest.CaptureFixture[str]


@pytest.fixture
def place(tmp_path: Path) -> str:
    return f"sqlite:{tmp_path}/{{context}}.db"


def lived(place: str, *messages: Open | Pay | Close) -> None:
    with ledger.connect_sync(store=place) as app:
        for number, each in enumerate(messages, 1):
            app.send(each, key=f"wish-{number}")


def shown(place: str, printed: Printed, *options: str, id: str = "1", name: str = "Account") -> Any:
    assert execute(["history", name, id, SYSTEM, "--store", place, "--json", *options]) == 0, printed.readouterr().err
    return json.loads(printed.readouterr().out)


def refused(place: str, printed: Printed, *options: str, id: str = "1", name: str = "Account") -> str:
    assert execute(["history", name, id, SYSTEM, "--store", place, *options]) == 2
    return printed.readouterr().err


OPEN = Open(account=1, owner="ada")


def test_a_stream_is_printed_with_its_causes_and_its_state(place: str, capsys: Printed) -> None:
    lived(place, OPEN, Pay(account=1, cents=5))
    assert execute(["history", "books.Account", "1", SYSTEM, "--store", place]) == 0
    first, one, cause, two, _, _, state = capsys.readouterr().out.splitlines()
    assert first == "books.Account 1"
    assert (one[:4], one.partition("Z")[2]) == ("  1 ", '  Opened {"owner":"ada"}')
    assert cause.startswith("     cause wish-1, trace ")
    assert two.endswith('  Paid {"cents":5}')
    assert state == 'state after event 2: {"id":1,"owner":"ada","cents":5}'


def test_the_state_after_any_event_is_shown(place: str, capsys: Printed) -> None:
    lived(place, OPEN, Pay(account=1, cents=5), Pay(account=1, cents=6))
    assert [shown(place, capsys, "--at", str(at))["state"]["cents"] for at in range(4)] == [0, 0, 5, 11]
    told = shown(place, capsys, "--at", "2")
    assert [each["number"] for each in told["lives"][0]["events"]] == [1, 2]
    assert "has no event 4" in refused(place, capsys, "--at", "4")


def test_the_last_events_are_shown_first_of_all(place: str, capsys: Printed) -> None:
    lived(place, OPEN, Pay(account=1, cents=5), Pay(account=1, cents=6))
    told = shown(place, capsys, "--limit", "2")
    assert [each["number"] for each in told["lives"][0]["events"]] == [2, 3]
    assert told["state"]["cents"] == 11
    execute(["history", "Account", "1", SYSTEM, "--store", place, "--limit", "2"])
    assert "  1 event before; --limit shows more" in capsys.readouterr().out.splitlines()


def test_all_lives_of_an_identity_are_shown(place: str, capsys: Printed) -> None:
    lived(place, OPEN, Pay(account=1, cents=5), Close(account=1), Open(account=1, owner="eve"))
    told = shown(place, capsys)
    assert [(each["life"], each["number"], each["is_over"]) for each in told["lives"]] == [(1, 2, True), (2, 1, False)]
    assert told["state"]["owner"] == "eve"
    assert shown(place, capsys, "--life", "1")["state"] == {"id": 1, "owner": "ada", "cents": 5}
    assert [each["life"] for each in shown(place, capsys, "--at", "0")["lives"]] == [2]
    assert "has no life 3" in refused(place, capsys, "--life", "3")
    execute(["history", "Account", "1", SYSTEM, "--store", place])
    out = capsys.readouterr().out.splitlines()
    assert "life 1: 2 events, removed" in out
    assert "life 2: 1 event" in out


def test_a_removed_aggregate_still_has_its_history(place: str, capsys: Printed) -> None:
    lived(place, OPEN, Close(account=1))
    assert shown(place, capsys)["lives"][0]["is_over"] is True
    execute(["history", "Account", "1", SYSTEM, "--store", place])
    assert "state after event 1 (removed): " in capsys.readouterr().out


def test_what_has_no_history_is_told(place: str, capsys: Printed) -> None:
    lived(place, OPEN)
    assert "Account '2' does not exist" in refused(place, capsys, id="2")
    assert "did you mean Account?" in refused(place, capsys, name="Acount")
    stored = refused(place, capsys, name="Branch")
    assert "books.Branch is stored as state" in stored
    assert "Expected: one of: books.Account" in stored


def test_an_identity_of_another_type_is_no_traceback(place: str, capsys: Printed) -> None:
    lived(place, OPEN)
    assert "does not exist" in refused(place, capsys, id="x")


def test_without_a_store_nothing_is_made(tmp_path: Path, capsys: Printed) -> None:
    assert "store.missing" in refused(f"sqlite:{tmp_path}/none/{{context}}.db", capsys)
    assert not (tmp_path / "none").exists()
