"""The fingerprint of an event-sourced class changes with what may fold it, and with nothing else."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest

from remit.runtime.streams import fingerprint_of

SOURCE = """
from remit import DomainEvent, EventSourced

class Paid(DomainEvent):
    cents: int

RATE = 2
UNUSED = 3
KINDS = frozenset({"a", "b", "c"})

def rated(cents):
    return again(cents) * RATE

def again(cents):
    return cents if "a" in KINDS else rated(cents)

class Account(EventSourced[str, Paid]):
    cents: int = 0

    def evolve(self, event: Paid) -> None:
        self.cents += rated(event.cents)

    @property
    def total(self) -> int:
        return self.cents
"""


def printed(source: str) -> str:
    module = ModuleType("printed")
    exec(source, vars(module))
    account: Any = module.Account
    return fingerprint_of(account)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("RATE = 2", "RATE = 4"),
        ("again(cents) *", "again(cents) +"),
        ("return cents if", "return -cents if"),
        ('{"a", "b"', '{"a", "d"'),
        ("self.cents += rated", "self.cents -= rated"),
        ("    cents: int = 0", "    cents: float = 0"),
        ("        return self.cents", "        return -self.cents"),
    ],
)
def test_what_may_fold_otherwise_changes_it(old: str, new: str) -> None:
    assert SOURCE.count(old) == 1
    assert printed(SOURCE.replace(old, new)) != printed(SOURCE)


@pytest.mark.parametrize(("old", "new"), [("UNUSED = 3", "UNUSED = 4"), ("def rated", "# a comment\n\ndef rated")])
def test_what_is_not_used_does_not_change_it(old: str, new: str) -> None:
    assert printed(SOURCE.replace(old, new)) == printed(SOURCE)


def test_it_is_the_same_in_another_process() -> None:
    code = "import sys; from tests.runtime.test_streams import *; print(printed(SOURCE))"
    made = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert made == {printed(SOURCE)}
