"""Identities from this machine: their form, their order, and that no two are the same."""

from __future__ import annotations

import re
import time
from itertools import count

import pytest

from remit.runtime.ports import SystemIds


def test_identities_are_32_hexadecimal_digits_and_no_two_are_the_same() -> None:
    ids, others = SystemIds(), SystemIds()
    made = [ids.new() for _ in range(1000)] + [others.new() for _ in range(1000)]
    assert len(set(made)) == 2000
    assert all(re.fullmatch("[0-9a-f]{32}", id) for id in made)


def test_an_identity_begins_with_the_millisecond_it_was_made_in(monkeypatch: pytest.MonkeyPatch) -> None:
    nanoseconds = count(1_700_000_000_000_000_000, 400_000)
    monkeypatch.setattr(time, "time_ns", lambda: next(nanoseconds))
    ids = SystemIds()
    begun = 1_700_000_000_000
    assert [int(ids.new()[:12], 16) - begun for _ in range(6)] == [0, 0, 0, 1, 1, 2]


def test_an_identity_follows_a_clock_that_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 2_000_000_000)
    ids = SystemIds()
    ids.new()
    monkeypatch.setattr(time, "time_ns", lambda: 1_000_000_000)
    assert int(ids.new()[:12], 16) == 1_000
