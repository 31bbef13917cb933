"""Reads all files of a code base, in several processes if there is enough to read."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from remit.boundaries.facts import Facts
from remit.boundaries.files import SourceFile
from remit.boundaries.notebooks import code_of
from remit.boundaries.reader import read_source

_WORTH_A_PROCESS = 1_500_000
"""The bytes of source text that are read in about twice the time in which a process starts."""
_SERVE = "import sys; sys.path[:] = {path!r}; from remit.boundaries.reading import serve; serve()"


class _Share(msgspec.Struct):
    """What one process reads."""

    files: list[SourceFile]
    tops: frozenset[str]


def read_files(files: Sequence[SourceFile], tops: frozenset[str]) -> list[Facts]:
    """What each file says. `tops` are the top-level packages of the code base."""
    wanted = sum(file.size for file in files) // _WORTH_A_PROCESS
    count = max(1, min(_processors(), wanted, len(files)))
    shares = [_Share([*files[number::count]], tops) for number in range(count)]
    running = [_Reader(share) for share in shares[1:]]
    found = _read_all(shares[0])
    for reader in running:
        found += reader.result()
    return found


class _Reader:
    """A process that reads a share. It imports this module only, so it may be started from any program."""

    def __init__(self, share: _Share) -> None:
        self._share = share
        self._process: subprocess.Popen[bytes] | None = None
        command = [sys.executable, "-c", _SERVE.format(path=sys.path)]
        with suppress(OSError, UnicodeEncodeError):  # no process can be started, it has died, or a path is no text
            said = msgspec.msgpack.encode(share)
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603  # our own code
            assert self._process.stdin is not None  # noqa: S101  # it is a pipe
            with self._process.stdin as stdin:
                stdin.write(said)

    def result(self) -> list[Facts]:
        """What it has read. A share whose process could not be started or has died is read here."""
        if self._process is None or self._process.stdout is None:
            return _read_all(self._share)
        with self._process.stdout as stdout:
            said = stdout.read()
        if self._process.wait() != 0:
            return _read_all(self._share)
        return msgspec.msgpack.decode(said, type=list[Facts])


def serve() -> None:
    """Reads the share that stands on standard input. Writes what its files say to standard output."""
    share = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=_Share)
    sys.stdout.buffer.write(msgspec.msgpack.encode(_read_all(share)))


def _processors() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows
        return os.cpu_count() or 1


def _read_all(share: _Share) -> list[Facts]:
    enabled = gc.isenabled()
    gc.disable()  # syntax trees have no cycles, and looking for some takes twice as long as parsing
    try:
        return [_read(file, share.tops) for file in share.files]
    finally:
        if enabled:
            gc.enable()


def _read(file: SourceFile, tops: frozenset[str]) -> Facts:
    try:
        text = Path(file.path).read_bytes()
        if file.is_notebook:
            text = code_of(text)
    except OSError as error:
        return Facts(file.module, file.path, file.is_package, fault=error.strerror or str(error))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return Facts(file.module, file.path, file.is_package, fault=f"not a notebook: {error}")
    return read_source(file.module, file.path, text, tops, is_package=file.is_package)
