"""Which process a name stands for, and whether it is gone: a process sees that of others on the same machine.

A name holds the host, the process id, when the process began, a mark of the machine, and an identity:
`web-1:4711:8123456:9f2c31d07a5e:<id>`. The mark is of one boot of one machine and one namespace of process ids, so that
two containers whose processes have the same numbers are two machines.
"""

from __future__ import annotations

import hashlib
import os
import platform
import socket
import uuid
from pathlib import Path

_LIVING: set[str] = set()
"""The names that this process has now: of another one that it had, a restored store may still speak."""
_GONE = frozenset("ZX")
"""States of a process that was killed and not yet waited for: nothing of it runs again."""


class SystemMachine:
    """The `Machine` this process runs on. A fork asks for a name of its own."""

    def __init__(self) -> None:
        self._mark: str | None = None

    def name(self, id: str) -> str:
        pid = os.getpid()
        began = _stat(pid)[1]
        name = f"{socket.gethostname().replace(':', '-')}:{pid}:{began}:{self._marked()}:{id}"
        _LIVING.add(name)
        return name

    def left(self, name: str) -> None:
        _LIVING.discard(name)

    def is_gone(self, name: str) -> bool:
        parts = name.split(":")
        if len(parts) != len(("host", "pid", "began", "mark", "id")):
            return False
        _, pid, began, mark, _ = parts
        if mark == "" or mark != self._marked() or not pid.isdecimal():
            return False
        if int(pid) == os.getpid() and began == _stat(int(pid))[1]:
            return name not in _LIVING
        return _has_ended(int(pid), began)

    def _marked(self) -> str:
        if self._mark is None:
            self._mark = _mark()
        return self._mark


def _mark() -> str:
    """A mark of this boot of this machine; empty when one cannot be told from another."""
    host = socket.gethostname()
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        where = boot + os.readlink("/proc/self/ns/pid")  # noqa: PTH115  a text, no path
    except OSError:
        if platform.system() in ("Linux", "Windows"):  # on Windows nobody can be asked without being disturbed
            return ""
        where = str(uuid.getnode())
    return hashlib.sha256(f"{host} {where}".encode()).hexdigest()[:12]


def _has_ended(pid: int, began: str) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass  # it is there, and somebody else's
    # What cannot be read proves nothing: others' processes may be hidden.
    state, since = _stat(pid)
    return state in _GONE or bool(began and since and since != began)


def _stat(pid: int) -> tuple[str, str]:
    """State and beginning of a process, in ticks since the boot; empty where that cannot be read."""
    try:
        # The name of the program stands in brackets, and may hold any.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "", ""
    return fields[0], fields[19]
