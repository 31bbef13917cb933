"""A broker that is away, refuses, is too old or too small, and what strangers say on it: seen, said, and recovered from
without a restart."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from remit.transports.nats.connection import NatsConnection
from tests.incidents.services import TOPOLOGY, Depot, depot, eventually

pytestmark = pytest.mark.timeout(180)  # processes share their machine with others

SMALL = "max_payload: 65536"
LARGE = "p" * 100_000


def is_well(depot: Depot) -> bool:
    return all(row["state"] == "running" and row["lag"] == 0 for row in depot.status().values())


def health(depot: Depot, service: str) -> tuple[int, int]:
    """Whether a service can serve, and whether all is well."""
    return depot.ask(service, "/health/ready")[0], depot.ask(service, "/health/status")[0]


def note_of(depot: Depot, name: str, state: str) -> str:
    """What keeps a subscription or relay, once it is in a state."""

    def seen() -> dict[str, Any] | None:
        row: dict[str, Any] = depot.status()[name]
        return row if row["state"] == state else None

    return str(eventually(seen)["note"])


def test_a_broker_that_is_away_holds_up_nothing_local_and_is_caught_up_with(tmp_path: Path) -> None:
    with depot(tmp_path) as made:
        made.services.start()
        assert made.send("one") == 1, "what is local is served"
        status, said = made.hand_over(deadline=2.0)
        assert (status, said["code"]) == (503, "call.unavailable")
        for name, state in (("mail.deliver", "source-silent"), ("desk.relay:nats", "paused")):
            assert "no connection to the NATS server" in note_of(made, name, state)
        assert health(made, "mail") == health(made, "desk") == (200, 503)
        assert "no connection to the NATS server" in made.services["desk"].log()

        made.nats.start()
        eventually(lambda: made.delivered() == [3])
        eventually(lambda: is_well(made))
        eventually(lambda: made.hand_over()[0] == 201)
        eventually(lambda: health(made, "mail") == (200, 200))  # its answer is kept for a second

        made.nats.kill()
        assert made.send("twoo") == 2
        assert note_of(made, "mail.deliver", "source-silent")
        made.nats.start()
        eventually(lambda: made.delivered() == [3, 4])
        eventually(lambda: is_well(made))
        assert set(made.services.stop().values()) == {0}


def test_what_the_broker_does_not_carry_comes_in_pieces_and_holds_up_nobody(tmp_path: Path) -> None:
    with depot(tmp_path, more=SMALL) as made:
        made.services.start()  # what the broker carries is not known yet
        made.nats.start()
        made.send("before")
        made.send(LARGE)
        made.send("after")
        eventually(lambda: made.delivered() == [6, len(LARGE), 5])
        eventually(lambda: is_well(made))
        status, said = made.hand_over(LARGE)
        assert (status, said["code"]) == (500, "call.handler-failed")
        assert "at most 49152 bytes" in made.services["desk"].log(), "the call of its handler was too large"
        assert made.hand_over()[0] == 201, "the next one is carried"
        assert made.delivered("handed") == [1]


# ── refused ─────────────────────────────────────────────────────────────────────────────────────────────────────────

USERS = 'authorization {{ users = [ {{ user: "office", password: "{password}" }} ] }}'
WITH_CREDENTIALS = TOPOLOGY.replace('http = "', 'credentials = "office:right"\nhttp = "')


def test_credentials_that_are_refused_end_a_start_and_stall_what_runs_until_they_are_right(tmp_path: Path) -> None:
    with depot(tmp_path, topology=WITH_CREDENTIALS, more=USERS.format(password="other")) as made:
        made.nats.start()
        with pytest.raises(RuntimeError) as failure:
            made.services["desk"].start()
        said = str(failure.value)
        assert "channel.unusable" in said
        assert "the server refuses the credentials" in said
        assert '"next": "set `credentials`' in said
        assert "office:right" not in said

        made.nats.reconfigure(USERS.format(password="right"))
        made.services.start()
        made.send("one")
        eventually(lambda: made.delivered() == [3])
        made.nats.reconfigure(USERS.format(password="other"))
        made.send("twoo")
        assert note_of(made, "desk.relay:nats", "stalled") == "the server refuses the credentials"
        made.nats.reconfigure(USERS.format(password="right"))
        eventually(lambda: made.delivered() == [3, 4])
        eventually(lambda: is_well(made))


@contextmanager
def server_from_the_past(port: int) -> Generator[None]:
    """Speaks as much as a server has to until it is asked to do something."""
    info = {"server_id": "old", "version": "2.9.10", "proto": 1, "max_payload": 1 << 20, "headers": True}

    def serve(client: socket.socket) -> None:
        with closing(client):
            client.sendall(b"INFO " + json.dumps(info).encode() + b"\r\n")
            while received := client.recv(65536):
                client.sendall(b"PONG\r\n" * received.count(b"PING\r\n"))

    with socket.create_server(("127.0.0.1", port)) as door:

        def accept() -> None:
            while True:
                try:
                    client, _ = door.accept()
                except OSError:
                    return
                threading.Thread(target=_quietly(serve, client), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield
        finally:
            door.shutdown(socket.SHUT_RDWR)


def _quietly(serve: Callable[[socket.socket], None], client: socket.socket) -> Callable[[], None]:
    def work() -> None:
        try:
            serve(client)
        except OSError:
            return

    return work


def test_a_server_that_is_too_old_is_refused_until_it_is_updated(tmp_path: Path) -> None:
    with depot(tmp_path) as made:
        with server_from_the_past(made.nats.port):
            with pytest.raises(RuntimeError) as failure:
                made.services["desk"].start()
            said = str(failure.value)
            assert "channel.unusable" in said
            assert "the server is too old: <nats server v2.9.10>" in said
            assert '"expected": "nats-server 2.10 or newer"' in said
        made.nats.start()
        made.services.start()
        made.nats.kill()
        with server_from_the_past(made.nats.port):
            made.send("one")
            assert "too old" in note_of(made, "desk.relay:nats", "stalled")
        made.nats.start()
        eventually(lambda: made.delivered() == [3])
        eventually(lambda: is_well(made))


# ── strangers ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def _say(url: str, subject: str, messages: list[tuple[bytes, dict[str, str]]]) -> None:
    connection = NatsConnection(url, name="stranger")
    await connection.open()
    for body, headers in messages:
        await connection.client().publish(subject, body, headers=headers or None)
    await connection.client().flush()
    await connection.close()


def event(part: int, pos: int, prev: str) -> dict[str, str]:
    """Headers as they have to be, of a message that is none of ours."""
    return {
        "ce-specversion": "1.0", "ce-id": "forged", "ce-source": "/depot/desk", "ce-type": "desk.ParcelSent",
        "ce-time": "2026-01-01T00:00:00.0Z", "ce-partitionkey": "a", "remit-part": str(part), "remit-pos": str(pos),
        "remit-prev": prev, "remit-version": "1", "content-type": "application/json", "remit-headers": "{}",
    }  # fmt: skip


def test_what_strangers_say_on_our_subjects_changes_nothing(tmp_path: Path) -> None:
    with depot(tmp_path) as made:
        made.nats.start()
        made.services.start()
        made.send("one")
        eventually(lambda: made.delivered() == [3])
        forged = b'{"box":"a","content":"forged"}'
        for part in range(16):
            strange: list[tuple[bytes, dict[str, str]]] = [
                (b"\xff\x00", {}),
                (b"{}", {"remit-pos": "x"}),
                (forged, event(part, 2, "nobody")),
                (forged, event(part, 1, "nobody")),
                (forged, event(part, 1, "")),  # but for one, the partitions are empty
                (forged, event(part, 1000, "nobody")),
                (forged, event(99, 1, "")),
                (b"\xff", {**event(part, 3, "x"), "content-type": "application/msgpack"}),
            ]
            asyncio.run(_say(made.nats.url, f"remit.depot.events.desk.published.{part}", strange))
        for address in ("mail.write", "mail.read", "mail.log", "desk.log"):
            calls: list[tuple[bytes, dict[str, str]]] = [
                (b"garbage", {}),
                (b"garbage", {"remit-kind": "read", "remit-timeout-ms": "-1"}),
                (b"garbage", {"remit-kind": "\u2603", "remit-type": "mail.Take", "remit-version": "x"}),
            ]
            asyncio.run(_say(made.nats.url, f"remit.depot.calls.{address}._.Take", calls))
        sent = [3]
        for number in range(2, 9):
            made.send("x" * number)
            sent.append(number)
        eventually(lambda: made.delivered() == sent)
        assert made.hand_over()[0] == 201
        eventually(lambda: is_well(made))
        assert "ignored a message on remit.depot.events.desk.published" in made.services["mail"].log()
        ignored = "ignored a message on remit.depot.calls.mail.write._.Take that is no request"
        assert ignored in made.services["mail"].log()
        assert "regressed" not in made.services["mail"].log()
        assert "Traceback" not in made.services["mail"].log() + made.services["desk"].log()
