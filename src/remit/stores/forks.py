"""Detects that this process was forked after an object was made: threads, connections and locks stay with the
parent."""

from __future__ import annotations

import os
from weakref import WeakSet

from remit.errors import CallError


class Origin:
    """The process in which an object was made."""

    __slots__ = ("__weakref__", "is_elsewhere")

    def __init__(self) -> None:
        self.is_elsewhere = False
        """Whether that is another process than this one. Set at a fork, so that checking costs nothing."""
        _here.add(self)


_here: WeakSet[Origin] = WeakSet()


def _forked() -> None:
    for origin in _here:
        origin.is_elsewhere = True
    _here.clear()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_forked)


def in_another_process() -> CallError:
    """The error for using a system that was connected in the parent of this forked process."""
    return CallError(
        "this process was forked off after the system was connected; its threads and connections are the parent's",
        where=f"process {os.getpid()}", expected="a connection made by the process that uses it",
        next="connect after the fork: in gunicorn's post_fork, or in the initializer of a pool",
    )  # fmt: skip
