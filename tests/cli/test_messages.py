"""`remit send` and `remit ask`: one message as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from remit import Command, Context, System, Value
from remit.cli.outcome import Callee, print_outcome, read_message
from remit.errors import BadMessage
from tests.cli.program import SYSTEM, Office, is_clear

LETTER = {"letter": "l1", "box": "ada", "text": "hello"}


@pytest.mark.parametrize("name", ["Post", "desk.Post", "desk.Post@1"])
def test_a_command_is_sent_by_any_of_its_names(office: Office, name: str) -> None:
    sent = office.remit("send", SYSTEM, name, json.dumps(LETTER))
    assert (sent.returncode, sent.stdout) == (0, '"l1"\n'), sent.stderr


def test_an_answer_is_fresh_when_asked_for(office: Office) -> None:
    office.post("ada", "one", "two")
    asked = office.remit("ask", SYSTEM, "mail.Contents", '{"box": "ada"}', "--fresh")
    assert (asked.returncode, asked.stdout) == (0, '["one","two"]\n'), asked.stderr


def test_a_stale_answer_is_said(office: Office) -> None:
    with office.running() as running:
        running.post("/letters", LETTER | {"text": "poison"})
        office.wait_for(lambda row: row["parked"] == 1)
    asked = office.remit("ask", SYSTEM, "Contents", '{"box": "ada"}', "--fresh")
    assert asked.returncode == 2
    assert is_clear(asked.stderr, "state.stale"), asked.stderr
    for box, code in (("ada", 2), ("bob", 0)):
        asked = office.remit("ask", SYSTEM, "Contents", f'{{"box": "{box}"}}', "--fresh-key", box)
        assert asked.returncode == code, asked.stderr


def test_a_refusal_is_an_answer_of_its_own_kind(office: Office) -> None:
    sent = office.remit("send", SYSTEM, "Post", json.dumps(LETTER | {"text": "long " * 20}))
    assert sent.returncode == 3
    assert json.loads(sent.stdout) == {"refusal": "TooLong", "fields": {"longest": 40}}


def test_a_key_applies_once(office: Office) -> None:
    assert office.remit("send", SYSTEM, "Post", json.dumps(LETTER), "--key", "k").stdout == '"l1"\n'
    assert office.remit("send", SYSTEM, "Post", json.dumps(LETTER), "--key", "k").stdout == '"l1"\n'
    assert office.contents("ada") == ["hello"]
    other = office.remit("send", SYSTEM, "Post", json.dumps(LETTER | {"text": "other"}), "--key", "k")
    assert other.returncode == 2
    assert is_clear(other.stderr, "call.key-reused"), other.stderr


def test_an_empty_key_is_no_key(office: Office) -> None:
    """So it is with every option that a variable may leave empty: what was meant is not known."""
    sent = office.remit("send", SYSTEM, "Post", json.dumps(LETTER), "--key", "")
    assert (sent.returncode, sent.stdout) == (2, "")
    assert is_clear(sent.stderr, "cli.usage"), sent.stderr
    assert "--key" in sent.stderr
    assert not office.data.exists()
    asked = office.remit("ask", SYSTEM, "Contents", '{"box": "ada"}', "--fresh-key", "")
    assert is_clear(asked.stderr, "cli.usage"), asked.stderr
    for option in ("--data", "--store"):
        seen = office.remit("status", SYSTEM, option, "", place=False)
        assert is_clear(seen.stderr, "cli.usage"), seen.stderr


def test_a_store_in_memory_is_a_trial(office: Office, tmp_path: Path) -> None:
    sent = office.remit("send", SYSTEM, "Post", json.dumps(LETTER), "--store", "memory:")
    assert (sent.returncode, sent.stdout) == (0, '"l1"\n'), sent.stderr
    asked = office.remit("ask", SYSTEM, "Contents", '{"box": "ada"}', "--store", "memory:")
    assert (asked.returncode, asked.stdout) == (0, "[]\n"), asked.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["send", SYSTEM, "Pots", "{}"], "message.unknown  Pots", "did you mean Post? remit send SYSTEM desk.Post"),
        (["send", SYSTEM, "zzzz", "{}"], "message.unknown  zzzz", "choose one of these: remit send takes a command"),
        (["send", SYSTEM, "Contents", "{}"], "message.unknown  Contents", "Contents is a query"),
        (["send", SYSTEM, "Contents", "{}"], "message.unknown  Contents", "Next: remit ask SYSTEM mail.Contents"),
        (["send", SYSTEM, "Contnts", "{}"], "message.unknown  Contnts", "did you mean Contents? remit ask SYSTEM"),
        (["send", SYSTEM, "desk.Posted", "{}"], "message.unknown  desk.Posted", "desk.Posted is an event"),
        (["ask", SYSTEM, "Post", "{}"], "message.unknown  Post", "Next: remit send SYSTEM desk.Post"),
        (["ask", SYSTEM, "Post", "{}"], "message.unknown  Post", "mail.Contents"),
        (["send", SYSTEM, "Post", "--kye"], "cli.usage", "did you mean --key?"),
        (["ask", SYSTEM, "Contents"], "message.invalid  mail.Contents", "missing required field `box`"),
        (["ask", SYSTEM, "Contents", '{"box": 3}'], "message.invalid  mail.Contents", "got `int` - at `$.box`"),
        (["ask", SYSTEM, "Contents", '{"box": "a", "x": 1}'], "message.invalid  mail.Contents", "unknown field `x`"),
        (["ask", SYSTEM, "Contents", '{"box": '], "message.invalid  mail.Contents", "truncated"),
        (["ask", SYSTEM, "Contents", "[]"], "message.invalid  mail.Contents", "got `array`"),
        (["ask", SYSTEM], "cli.usage  remit ask", "MESSAGE"),
    ],
)
def test_a_message_that_is_none_is_said(office: Office, arguments: list[str], code: str, said: str) -> None:
    ran = office.remit(*arguments)
    assert ran.returncode == 2
    assert is_clear(ran.stderr, code), ran.stderr
    assert said in ran.stderr
    assert not office.data.exists(), "nothing was opened for it"


def test_a_name_that_two_contexts_use_is_said(office: Office, tmp_path: Path) -> None:
    office.folder = tmp_path
    (tmp_path / "double.py").write_text(
        "from remit import Command, Context, System\n\n"
        "def a_context(name):\n"
        "    context = Context(name)\n"
        "    class Open(Command[None]):\n        pass\n"
        "    @context.handle(Open)\n"
        "    async def open(command: Open) -> None: ...\n"
        "    return context\n\n"
        "system = System('double', contexts=[a_context('left'), a_context('right')])\n"
    )
    ran = office.remit("send", "double", "Open")
    assert ran.returncode == 2
    assert is_clear(ran.stderr, "message.ambiguous  Open"), ran.stderr
    assert office.remit("send", "double", "right.Open").stdout == "null\n"


class Free(Value):
    branch: str


class Held(Value):
    by: str


class Hold(Command[Free | Held]):
    want: Free | Held


rooms = Context("rooms")


@rooms.handle(Hold)
async def hold(command: Hold) -> Free | Held:
    return command.want


def test_union_is_read_and_printed_with_its_tag(capsys: pytest.CaptureFixture[str]) -> None:
    system = System("hotel", contexts=[rooms])
    command = read_message(system, Command, "Hold", '{"want": {"$type": "Held", "by": "ada"}}')
    assert command == Hold(want=Held(by="ada"))
    assert print_outcome(Callee(system, "memory:"), command, lambda app: app.send(command)) == 0
    assert capsys.readouterr().out == '{"$type":"Held","by":"ada"}\n'


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ('{"want": {"$type": "Gone"}}', "one of: 'Free', 'Held'"),
        ('{"wants": {}}', 'a JSON object with the fields "want"'),
    ],
)
def test_fields_that_make_no_message_are_refused_with_what_is_expected(fields: str, expected: str) -> None:
    with pytest.raises(BadMessage) as error:
        read_message(System("hotel", contexts=[rooms]), Command, "Hold", fields)
    assert error.value.expected == expected
