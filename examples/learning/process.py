"""The platform as processes of its own, as anybody would start them: in one, or as the services of a topology.

`Platform` is `remit run learning.system:platform`. `Services` is a topology file, each service started by
`remit run FILE SERVICE`; `Supervised` is the same file, started by one `remit run FILE`.
"""

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import current_thread, main_thread
from types import FrameType
from typing import IO, Any

EXAMPLES = Path(__file__).parents[1]
TOPOLOGIES = Path(__file__).parent / "topologies"
REMIT = str(Path(sys.executable).with_name("remit"))


class Ports:
    """Ports that nobody listens on, each given out once before the first one comes again: a service may start later."""

    def __init__(self, ports: range) -> None:
        self._ports = ports
        self._next = random.randrange(len(ports))  # another process gives out the same ones

    def free(self, count: int = 1) -> int:
        """The first of so many in a row."""
        while True:
            if self._next + count > len(self._ports):
                self._next = 0
            first = self._ports[self._next]
            self._next += count
            if all(map(_is_free, range(first, first + count))):
                return first


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


PORTS = range(20_000, 32_000)
"""Where services listen: the system gives out no port of these by itself."""
ports = Ports(PORTS)


class _Process:
    """One process that prints a line of JSON when it is ready. It is started, stopped, killed or paused at will."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.said: dict[str, Any] = {}
        """What it said last when it was ready."""
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Where it answers requests; empty when it was never ready, or answers none."""
        return self.said.get("url") or ""

    @property
    def pid(self) -> int:
        """The number of the process. Raises `RuntimeError` when none runs."""
        if self._process is None:
            raise RuntimeError(f"{self.name} does not run")
        return self._process.pid

    def start(self) -> None:
        """Returns when it is ready. Raises `RuntimeError` when it ends instead."""
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Begins to start it."""
        self._begin()

    def wait_until_ready(self) -> None:
        """Raises `RuntimeError` when it ends instead; it does not run then."""
        process = self._process
        line = process.stdout.readline() if process is not None and process.stdout else ""
        if not line:
            raise RuntimeError(f"{self.name} did not start; exit code {self.kill()}\n{self.log()}")
        self.said = json.loads(line)

    def stop(self) -> int:
        """Lets it finish what has begun. The exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        """Ends it at once, whatever it is doing. The exit code."""
        return self._end(signal.SIGKILL)

    def pause(self) -> None:
        """It runs no further, and knows nothing of it."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """It goes on where it was."""
        os.kill(self.pid, signal.SIGCONT)

    def log(self) -> str:
        """What it has written to standard error, where that is kept."""
        return ""

    def _begin(self) -> subprocess.Popen[str]:
        with _uninterrupted():
            self._process = process = self._launch()
        return process

    def _launch(self) -> subprocess.Popen[str]:
        raise NotImplementedError

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(number)
        process.send_signal(signal.SIGCONT)
        process.communicate()
        return process.returncode


class Platform(_Process):
    """All of it in one process: one data folder and one port, the same each time it is started."""

    def __init__(self, data: Path, system: str = "learning.system:platform") -> None:
        super().__init__("the platform")
        self._data = str(data.resolve())
        self.system = system
        self._port = str(ports.free())

    def die_starting(self, after_seconds: float, once: Callable[[], bool] = lambda: True) -> bool:
        """Begins to start, and is killed so much later than `once` holds. False if it was ready before that."""
        process = self._begin()
        while not once() and process.poll() is None:
            time.sleep(0.0005)
        time.sleep(after_seconds)
        process.kill()
        said, _ = process.communicate()
        self._process = None
        return not said

    def remit(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a `remit` command on the same data folder: `remit("parked", "list")`."""
        return _remit(*arguments, "--data", self._data)

    def _launch(self) -> subprocess.Popen[str]:
        command = [REMIT, "run", self.system, "--data", self._data, "--port", self._port, "--json"]
        # A session of its own: Ctrl-C reaches whoever started this, and that one decides what happens.
        return subprocess.Popen(  # noqa: S603  # our own program
            command, stdout=subprocess.PIPE, text=True, cwd=EXAMPLES, start_new_session=True
        )


class Service(_Process):
    """One service of a topology file, or one of its replicas: `billing`, `billing#2`."""

    def __init__(
        self,
        file: Path,
        name: str,
        environment: Mapping[str, str],
        code: Path = EXAMPLES,
        remit: Sequence[str] = (REMIT,),
    ) -> None:
        """`code` is the folder that holds the system's modules, `environment` is added to that of this process, and
        `remit` is the command that starts it."""
        super().__init__(name)
        self._file = file
        self._remit = remit
        self.environment = dict(environment)
        self.code = code

    @property
    def service(self) -> str:
        """The name without the number of the replica."""
        return self.name.partition("#")[0]

    def log(self) -> str:
        kept = self._log_file
        return kept.read_text(errors="replace") if kept.exists() else ""

    @property
    def _log_file(self) -> Path:
        return self._file.with_name(f"{self.name}.log")

    def _launch(self) -> subprocess.Popen[str]:
        return _attached([*self._remit, "run", str(self._file), self.name, "--json"], self._log_file, self)


class Services:
    """All services of a topology file, each started by itself. `services` has them by name."""

    def __init__(self, file: Path, environment: Mapping[str, str] | None = None) -> None:
        self.file = file.resolve()
        self.environment = dict(environment or {})
        self.services = {name: Service(self.file, name, self.environment) for name in processes_of(file)}

    def __getitem__(self, name: str) -> Service:
        return self.services[name]

    @property
    def urls(self) -> list[str]:
        """Where the services answer requests, those that do."""
        return [service.url for service in self.services.values() if service.url]

    @property
    def data(self) -> Path:
        """The folder of the stores."""
        return self.file.with_name("data")

    def start(self) -> None:
        """Starts all at once, and returns when all are ready. Raises `RuntimeError` when one ends instead."""
        for service in self.services.values():
            service.launch()
        for service in self.services.values():
            service.wait_until_ready()

    def stop(self) -> dict[str, int]:
        """Lets all finish what has begun. The exit codes."""
        return self._all(Service.stop)

    def kill(self) -> None:
        """Ends all at once."""
        self._all(Service.kill)

    def remit(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a `remit` command on the topology: `remit("status")`."""
        return _remit(command, str(self.file), *arguments, environment=self.environment)

    def _all(self, end: Callable[[Service], int]) -> dict[str, int]:
        with ThreadPoolExecutor(len(self.services)) as pool:
            return dict(zip(self.services, pool.map(end, self.services.values()), strict=True))


class Supervised(_Process):
    """All services of a topology file, started and kept running by one `remit run FILE`."""

    def __init__(self, file: Path, environment: Mapping[str, str] | None = None) -> None:
        super().__init__(file.name)
        self._file = file.resolve()
        self.environment = dict(environment or {})
        self.code = EXAMPLES

    @property
    def urls(self) -> list[str]:
        """Where the services answer requests, those that do."""
        return [url for url in self.said["services"].values() if url]

    def pids(self) -> dict[str, int]:
        """The number of each service's process that was started last."""
        said = re.findall(r'^{"service": "(\S+)", "text": "process (\d+)"}$', self.log(), re.MULTILINE)
        return {name: int(pid) for name, pid in said}

    def log(self) -> str:
        return self._log_file.read_text(errors="replace")

    @property
    def _log_file(self) -> Path:
        return self._file.with_suffix(".log")

    def _launch(self) -> subprocess.Popen[str]:
        return _attached([REMIT, "run", str(self._file), "--json"], self._log_file, self)


def processes_of(file: Path) -> list[str]:
    """The names of all processes of a topology, replicas numbered."""
    return [
        name if replicas == 1 else f"{name}#{number + 1}"
        for name, _, replicas in _services_of(file)
        for number in range(replicas)
    ]


def at_free_ports(file: Path, folder: Path) -> Path:
    """A copy of a topology file in `folder`, whose services listen on ports that are free now; stores lie beside it."""
    text = file.read_text()
    for _, addresses, replicas in _services_of(file):
        for address in addresses:
            text = text.replace(f'"{address}"', f'"127.0.0.1:{ports.free(replicas)}"')
    copy = folder / file.name
    copy.write_text(text)
    return copy


def _services_of(file: Path) -> Iterator[tuple[str, list[str], int]]:
    """Name, addresses and number of replicas of each service."""
    for name, service in tomllib.loads(file.read_text())["services"].items():
        yield name, [service[key] for key in ("http", "calls") if key in service], service.get("replicas", 1)


@contextmanager
def _uninterrupted() -> Generator[None]:
    """Ctrl-C takes effect after the block: a process that is just beginning would be known to nobody."""
    if current_thread() is not main_thread():
        yield
        return
    came: list[tuple[int, FrameType | None]] = []

    def wait(number: int, frame: FrameType | None) -> None:
        came.append((number, frame))

    usual = signal.signal(signal.SIGINT, wait)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
        if came and callable(usual):
            usual(*came[0])


def _attached(command: Iterable[str], log_file: Path, of: Service | Supervised) -> subprocess.Popen[str]:
    """A process that ends by itself when this one does, also when this one is killed: its standard input ends then."""
    path = os.pathsep.join([str(of.code), os.environ.get("PYTHONPATH", "")])
    log: IO[str]
    with log_file.open("a") as log:
        return subprocess.Popen(  # noqa: S603  # our own program
            [*command, "--attached"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            cwd=of.code, start_new_session=True, env=os.environ | {"PYTHONPATH": path} | of.environment,
        )  # fmt: skip


def _remit(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # our own program
        [REMIT, *arguments], capture_output=True, text=True, cwd=EXAMPLES, check=False,
        env=os.environ | dict(environment or {}),
    )  # fmt: skip
