"""The command `remit` in processes that need not import first what they are made of.

Hundreds are started, and most of what each computed until it was ready was importing the same modules. So one process
imports them once, and each further one is forked off from it: with arguments, environment, folder and streams of its
own, its own modules of the system it runs, and a number that can be killed. The README, the demo and the long tests
start theirs from nothing.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import resource
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Collection, Generator, Mapping
from dataclasses import astuple, dataclass
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["REMIT", "WARM", "Limit", "WarmPopen", "cold"]

REMIT = str(Path(sys.executable).with_name("remit"))
ANYHOW = (
    "remit.cli.program", "remit.hosting.serving", "remit.edges.http", "remit.stores.sqlite.store",
    "remit.stores.postgres.store", "remit.transports.http", "remit.transports.nats",
    "remit.hosting.code_maps", "remit.hosting.connections", "remit.hosting.reading", "remit.messages.choices",
    "remit.registry.owners", "remit.relations", "remit.stores.memory.store", "remit.transports.http.calls",
    "remit.transports.nats.calls", "remit.transports.nats.opening",
    "_strptime", "aiohttp.web", "asyncpg", "cyclopts.help", "encodings.idna", "encodings.utf_8_sig", "httptools",
    "nats.aio.client", "rich.markdown", "sqlite3", "uvicorn", "uvicorn.lifespan.off",
    "uvicorn.protocols.http.httptools_impl", "uvloop",
)  # fmt: skip
"""What is imported once."""
WARM = {"REMIT_TESTS_START": "warm"}
"""In the environment of a Python program, a file, that may be started warm as well."""
_NUMBER = struct.Struct("=i")
_LARGEST = 1 << 18
_AT_START = ("PYTHON", "LANG", "LC_")
"""Variables that an interpreter reads only when it starts."""
_cold = False


# --- who starts a process ---------------------------------------------------------------------------------------------


@contextlib.contextmanager
def cold() -> Generator[None]:
    """Within the block every process starts from nothing."""
    global _cold
    before, _cold = _cold, True
    try:
        yield
    finally:
        _cold = before


@dataclass(frozen=True)
class Limit:
    """A `preexec_fn` that is no obstacle to a warm start: from now on a process has no more of a resource than this."""

    of: int
    largest: int

    def __call__(self) -> None:
        _, most = resource.getrlimit(self.of)
        resource.setrlimit(self.of, (self.largest, most))


class WarmPopen(subprocess.Popen[Any]):
    """As any other one; if the command is `remit`, and nothing is asked for that only a new interpreter does, warm."""

    _ended: int | None = None
    """Where is told how the process has ended, for one that is no child of this one."""

    def _execute_child(self, args: Any, executable: Any, preexec_fn: Any, close_fds: bool, pass_fds: Any, cwd: Any,
                       env: Mapping[str, str] | None, *more: Any) -> None:  # fmt: skip
        environment = dict(os.environ if env is None else env)
        command = [] if isinstance(args, (str, bytes, os.PathLike)) else [os.fsdecode(each) for each in args]
        limit = preexec_fn if isinstance(preexec_fn, Limit) else None
        if _cold or preexec_fn is not limit or pass_fds or not _may_be_warm(command, environment):
            super()._execute_child(  # type: ignore[misc]  # the stubs leave out what is private
                args, executable, preexec_fn, close_fds, pass_fds, cwd, env, *more
            )
            return
        pipes, session = more[3:9], bool(more[14])
        streams = [own if given == -1 else given for own, given in enumerate((pipes[0], pipes[3], pipes[5]))]
        order = {"argv": command, "env": environment, "cwd": os.fspath(cwd or Path.cwd()), "session": session,
                 "limit": limit and astuple(limit)}  # fmt: skip
        self._ended, tell = os.pipe()
        try:
            socket.send_fds(_mould(), [json.dumps(order).encode()], [*streams, tell])
        finally:
            os.close(tell)
            self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]  # as above
        if not (told := os.read(self._ended, _NUMBER.size)):
            raise RuntimeError("the process that all others are forked off from has ended")
        (self.pid,) = _NUMBER.unpack(told)
        self._child_created = True

    def _try_wait(self, flags: int) -> tuple[int, int]:
        if self._ended is None:
            return super()._try_wait(flags)  # type: ignore[misc, no-any-return]  # as above
        if flags & os.WNOHANG and not select.select([self._ended], [], [], 0)[0]:
            return 0, 0
        told = os.read(self._ended, _NUMBER.size)
        os.close(self._ended)
        return self.pid, _NUMBER.unpack(told)[0] if told else signal.SIGKILL

    def _internal_poll(self, *more: Any, **others: Any) -> int | None:
        if self._ended is None:
            return super()._internal_poll(*more, **others)  # type: ignore[misc, no-any-return]  # as above
        lock = vars(self)["_waitpid_lock"]
        if lock.acquire(blocking=False):
            try:
                if self.returncode is None and (found := self._try_wait(os.WNOHANG))[0]:
                    self._handle_exitstatus(found[1])  # type: ignore[attr-defined]  # as above
            finally:
                lock.release()
        return self.returncode


def _may_be_warm(command: list[str], environment: Mapping[str, str]) -> bool:
    program = command[:1] == [sys.executable] and WARM.items() <= environment.items()
    return (program or command[:1] == [REMIT]) and _plain(environment)


def _plain(environment: Mapping[str, str]) -> bool:
    """Whether an interpreter with this environment would start as this one has."""

    def settings(of: Mapping[str, str]) -> dict[str, str]:
        return {name: said for name, said in of.items() if name.startswith(_AT_START) and name != "PYTHONPATH"}

    return settings(environment) == settings(os.environ)


@cache
def _mould() -> socket.socket:
    """The way to the process that has imported everything. It ends with this one."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        process = subprocess.Popen(
            [sys.executable, "-P", __file__, str(its.fileno())],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[its.fileno()], start_new_session=True,
        )  # fmt: skip

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


# --- in the process that has imported everything ----------------------------------------------------------------------


def mould(door: socket.socket) -> None:
    """Forks off one process for each order, until nobody gives any."""
    for name in ANYHOW:
        importlib.import_module(name)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        said, given, _, _ = socket.recv_fds(door, _LARGEST, 4)
        if not said:
            return
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            door.close()
            keep(json.loads(said), given)
            return
        for each in given:
            os.close(each)


def keep(order: dict[str, Any], given: list[int]) -> None:
    """The parent of the process that was ordered: tells its number, and how it has ended."""
    *streams, tell = given
    pid = os.fork()
    if pid == 0:
        os.close(tell)
        run(order, streams)
        return
    for each in streams:
        os.close(each)
    os.write(tell, _NUMBER.pack(pid))
    os.write(tell, _NUMBER.pack(os.waitpid(pid, 0)[1]))
    os._exit(0)


def run(order: dict[str, Any], streams: list[int]) -> None:
    """The process that was ordered. It ends as an interpreter does that has run the command."""
    if order["session"]:
        os.setsid()
    for number, each in enumerate(streams):
        os.dup2(each, number)
    for each in streams:
        os.close(each)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    usual = [each for each in sys.path if each not in _python_path()]
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    sys.argv = order["argv"][order["argv"][0] == sys.executable :]
    sys.path[:] = [str(Path(sys.argv[0]).parent), *_python_path(), *usual]
    importlib.invalidate_caches()
    with contextlib.suppress(ModuleNotFoundError):
        importlib.import_module("sitecustomize")  # as an interpreter does when it starts
    if order["limit"]:
        Limit(*order["limit"])()
    known = {*sys.modules}
    code = 0
    try:
        if sys.argv[0] == REMIT:
            from remit.cli import main

            main()
        else:
            runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as ended:
        if not isinstance(ended.code, int):
            raise
        code = ended.code
    end(code, known)


def end(code: int, known: Collection[str]) -> None:
    """Ends as an interpreter does, with the last words of whatever the process has made. Only what was imported before,
    and is known, is not taken apart: that takes longer than most commands."""
    threading._shutdown()  # type: ignore[attr-defined]  # as an interpreter does: it waits for threads
    atexit._run_exitfuncs()
    for name in {*sys.modules}.difference(known):
        del sys.modules[name]
    gc.collect()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        sys.exit(code)  # an interpreter says that it could not write
    os._exit(code)


def _python_path() -> list[str]:
    return [str(Path(each).absolute()) for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each]


if __name__ == "__main__":
    mould(socket.socket(fileno=int(sys.argv[1])))
