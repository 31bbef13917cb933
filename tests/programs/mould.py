"""The process that lives of generated programs are forked off from: it has imported what they are made of.

    python -m tests.programs.mould

reads one JSON line for each life, with what it runs, and answers with lines of what becomes of it: `["begun", life's
tape, process]`, `["ready", tape]`, `["ended", tape, status]`. All end with it.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import select
import signal
import sys
import traceback
from functools import partial
from types import FrameType
from typing import Any

from remit.errors import Unavailable
from tests.programs.life import ABSENT, Job, live
from tests.servers.warm import ANYHOW

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Forks off one process for each line, until there are no more."""
    for name in ANYHOW:
        importlib.import_module(name)
    gc.freeze()
    reading, writing = os.pipe()
    for end in (reading, writing):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, _heard)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    lives: dict[int, Job] = {}
    rest = b""
    while True:
        came, _, _ = select.select([0, reading], [], [])
        if 0 in came:
            said = os.read(0, 65536)
            if not said:
                break
            *lines, rest = (rest + said).split(b"\n")
            for line in lines:
                _begin(Job(**json.loads(line)), lives)
        if reading in came:
            os.read(reading, 4096)
            _bury(lives)
    for pid in lives:
        os.kill(pid, signal.SIGKILL)


def _begin(job: Job, lives: dict[int, Job]) -> None:
    mould = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _die_with(mould)
            log = os.open(os.path.join(job.folder, f"{job.service}.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)  # noqa: PTH118  a name, not a file
            os.dup2(log, 2)
            live(job, partial(_say, "ready", str(job.tape)))
            code = 0
        except Unavailable:  # as a start fails whose servers are away or busy
            traceback.print_exc(file=sys.stderr)
            code = ABSENT
        except BaseException:  # noqa: BLE001  whatever ends a process is told
            traceback.print_exc(file=sys.stderr)
            code = 1
        sys.stderr.flush()
        os._exit(code)
    lives[pid] = job
    _say("begun", str(job.tape), pid)


def _bury(lives: dict[int, Job]) -> None:
    while lives:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        _say("ended", str(lives.pop(pid).tape), os.waitstatus_to_exitcode(status))


def _die_with(mould: int) -> None:
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != mould:
        os._exit(1)


def _heard(number: int, frame: FrameType | None) -> None:
    """The number has been written into the pipe already."""


def _say(*what: Any) -> None:
    """In one piece: others say something in the same pipe."""
    os.write(1, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    main()
