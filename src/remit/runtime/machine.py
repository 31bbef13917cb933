"""Names processes, and tells whether a named process on the same machine has ended.

A name holds host, process id, start time of the process, a mark of the machine, and an identity:
`web-1:4711:8123456:9f2c31d07a5e:<id>`. The mark stands for one boot of one machine and one namespace of process ids, so
that two containers whose processes have the same numbers are two machines.
"""

from __future__ import annotations

import hashlib
import os
import platform
import socket
import uuid
from pathlib import Path

_LIVING: set[str] = set()
"""The current names of this process. A restored store may still hold a former name with the same process id."""
_GONE = frozenset("ZX")
"""States of a process that was killed and not yet waited for: none of its code runs again."""


class SystemMachine:
    """The `Machine` of this process. A forked process has to call `name` again."""

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
    """A mark of this boot of this machine; empty if machines cannot be told apart."""
    host = socket.gethostname()
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        where = boot + os.readlink("/proc/self/ns/pid")  # noqa: PTH115  a text, no path
    except OSError:
        if platform.system() in ("Linux", "Windows"):  # Windows: os.kill(pid, 0) would end the process
            return ""
        where = str(uuid.getnode())
    return hashlib.sha256(f"{host} {where}".encode()).hexdigest()[:12]


def _has_ended(pid: int, began: str) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass  # it runs, as another user
    # An unreadable state proves nothing: processes of other users may be hidden.
    state, since = _stat(pid)
    return state in _GONE or bool(began and since and since != began)


def _stat(pid: int) -> tuple[str, str]:
    """State and start time (ticks since boot) of a process; empty texts if they cannot be read."""
    try:
        # The program's name stands in brackets and may itself hold brackets.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "", ""
    return fields[0], fields[19]
