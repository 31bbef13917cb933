"""A process sees which others on its machine have ended, and claims nothing about those it cannot see."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Generator

import pytest

from remit.runtime import machine
from remit.runtime.machine import SystemMachine

PROGRAM = """
import sys
from remit.runtime.machine import SystemMachine
print(SystemMachine().name("x"), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def child() -> Generator[tuple[subprocess.Popen[str], str]]:
    """Another process, and its name."""
    with subprocess.Popen([sys.executable, "-c", PROGRAM], text=True, stdin=-1, stdout=-1) as child:
        assert child.stdout is not None
        yield child, child.stdout.readline().strip()
        child.kill()


def until_gone(name: str) -> None:
    latest = time.monotonic() + 10.0
    while not SystemMachine().is_gone(name):
        assert time.monotonic() < latest


def test_one_that_lives_is_not_gone(child: tuple[subprocess.Popen[str], str]) -> None:
    assert not SystemMachine().is_gone(child[1])
    assert not SystemMachine().is_gone(SystemMachine().name("x"))


def test_one_that_was_killed_is_gone_before_and_after_it_is_waited_for(
    child: tuple[subprocess.Popen[str], str],
) -> None:
    process, name = child
    process.kill()
    until_gone(name)
    process.wait()
    assert SystemMachine().is_gone(name)


def test_a_name_tells_people_where_and_what(child: tuple[subprocess.Popen[str], str]) -> None:
    host, pid, _, _, id = child[1].split(":")
    assert (host, pid, id) == (os.uname().nodename, str(child[0].pid), "x")


def test_a_process_id_that_is_anothers_now_is_of_one_that_is_gone() -> None:
    host, pid, began, mark, id = SystemMachine().name("x").split(":")
    before = str(int(began) - 1) if began else began
    assert SystemMachine().is_gone(f"{host}:{pid}:{before}:{mark}:{id}") == bool(began)


def test_a_fork_has_a_name_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    here = SystemMachine()
    name = here.name("x")
    monkeypatch.setattr(os, "getpid", lambda: 1)
    assert here.name("x").split(":")[1] == "1" != name.split(":")[1]


@pytest.mark.parametrize("name", ["", "p1", "0198f2c3", "a:b:c:d:e", "web-1:999999999:1:another-mark:x"])
def test_of_one_that_cannot_be_seen_nothing_is_claimed(name: str) -> None:
    assert not SystemMachine().is_gone(name)


def test_where_machines_cannot_be_told_apart_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_mark", str)
    here = SystemMachine()
    assert not here.is_gone(here.name("x").replace(f":{os.getpid()}:", ":999999999:"))


def test_one_that_is_hidden_is_not_gone(
    child: tuple[subprocess.Popen[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError

    def hidden(_: int) -> tuple[str, str]:
        return "", ""

    monkeypatch.setattr(os, "kill", refused)
    monkeypatch.setattr(machine, "_stat", hidden)
    assert not SystemMachine().is_gone(child[1])
