"""Services on a NATS server with the permissions that `remit plan` prints: all works, and nobody can do more."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from learning.process import REMIT
from remit.errors import ChannelError, Unavailable
from remit.log import Channel
from remit.testing.conformance.events import Ear, messages
from remit.transports import CallRequest, CallResponse
from remit.transports.nats.calls import NatsCalls
from remit.transports.nats.connection import NatsConnection
from remit.transports.nats.events import NatsEvents
from tests.incidents.services import Depot, depot, eventually

pytestmark = pytest.mark.timeout(180)  # processes share their machine with others

PASSWORDS = {f"{user}_PASSWORD": f"{user.lower()}-secret" for user in ("DESK", "MAIL", "OPS", "ADMINISTRATOR")}
TOPOLOGY = """
system = "depot:depot"
[stores]
default = "sqlite:data/{context}.db"
[channels]
events = "nats://ops:${OPS_PASSWORD}@127.0.0.1:${NATS_PORT}"
calls = "nats://ops:${OPS_PASSWORD}@127.0.0.1:${NATS_PORT}"
[services.desk]
runs = ["desk"]
http = "127.0.0.1:8001"
credentials = "desk:${DESK_PASSWORD}"
[services.mail]
runs = ["mail"]
http = "127.0.0.1:8002"
credentials = "mail:${MAIL_PASSWORD}"
"""


STREAMS = ["remit-depot--desk-published", "remit-depot--mail-published"]


def remit(made: Depot, *arguments: str) -> str:
    done = subprocess.run(
        [REMIT, *arguments], cwd=Path(__file__).parent, env=os.environ | made.services.environment,
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


async def echo(request: CallRequest) -> CallResponse:
    return CallResponse("ok", {}, request.body)


async def attack(url: str) -> None:
    """With the credentials of mail: what is the desk's."""
    connection = NatsConnection(url, name="mail", credentials=("mail", PASSWORDS["MAIL_PASSWORD"]))
    calls, events = NatsCalls(connection, "depot"), NatsEvents(connection, "depot")
    await calls.open()
    await events.open()
    try:
        await events.listen("desk", Channel.PUBLISHED, Ear())
        with pytest.raises(ChannelError, match="denies"):
            await events.listen("desk", Channel.PRIVATE, Ear())
        for channel in Channel:
            with pytest.raises(Unavailable, match="denies"):
                await events.publish("desk", channel, messages(1, 1))
        with pytest.raises(ChannelError, match="denies"):
            await calls.serve("desk.write", echo)
    finally:
        await events.close()
        await calls.close()


async def test_a_system_runs_with_the_printed_permissions_and_nobody_can_do_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with depot(tmp_path, topology=TOPOLOGY) as made:
        for name, value in {**PASSWORDS, "NATS_PORT": str(made.nats.port)}.items():
            monkeypatch.setenv(name, value)
        made.nats.more = remit(made, "plan", str(made.services.file), "--permissions")
        assert [secret for secret in PASSWORDS.values() if secret in made.nats.more] == []
        made.nats.start()
        file, administrator = str(made.services.file), f"administrator:{PASSWORDS['ADMINISTRATOR_PASSWORD']}"
        made.services.start()
        eventually(lambda: all("channel.not-prepared" in each.log() for each in made.services.services.values()))
        told = json.loads(remit(made, "migrate", file, "--broker-admin", administrator, "--json"))
        assert {each["name"]: each["made"] for each in told["streams"]} == dict.fromkeys(STREAMS, True)
        told = remit(made, "migrate", file, "mail", "--broker-admin", administrator)
        assert told.splitlines()[1:] == [f"{STREAMS[1]}: there already: nothing to do"]
        made.send("one")
        assert made.hand_over() == (201, 1)
        eventually(lambda: made.delivered() == [3])
        assert remit(made, "ask", str(made.services.file), "Lengths", '{"box":"a"}', "--fresh") == "[3]\n"
        eventually(lambda: {row["state"] for row in made.status().values()} == {"running"})
        await attack(made.nats.url)
        assert made.send("twoo") == 2
        eventually(lambda: made.delivered() == [3, 4])
        log = "".join(service.log() for service in made.services.services.values())
        denied = [line.rpartition(" ")[2] for line in log.splitlines() if "denies" in line]
        assert sorted(denied) == [f"$js.api.stream.create.{name}" for name in STREAMS]
        assert log.count("channel.not-prepared") == len(STREAMS)


NOBODY = TOPOLOGY.replace('credentials = "mail:${MAIL_PASSWORD}"', "").replace("ops:${OPS_PASSWORD}@", "")
UNUSABLE = TOPOLOGY.replace('"desk:$', '"de.sk:$')
ALONE = 'system = "depot:depot"\n[services.all]\nruns = ["*"]\nhttp = "127.0.0.1:0"\n'


@pytest.mark.parametrize(
    ("topology", "said"),
    [(NOBODY, "[services.mail]"), (UNUSABLE, "de.sk"), (ALONE, "there is no broker")],
    ids=["no user", "no name", "no broker"],
)
def test_who_cannot_be_given_permissions_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, topology: str, said: str
) -> None:
    for name, value in {**PASSWORDS, "NATS_PORT": "4222"}.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "depot.toml"
    file.write_text(topology)
    done = subprocess.run(
        [REMIT, "plan", str(file), "--permissions"], cwd=Path(__file__).parent, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Next: " in done.stderr
    assert "Traceback" not in done.stderr
