"""The verdicts of judges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

__all__ = ["Verdict", "in_order", "once"]


class Verdict(NamedTuple):
    """Something that must not happen.

    `judge` is lost, doubled, reordered, stuck, false (an untrue answer), silent (a source has another history than its
    follower, which does not report it) or misled (the run is not the one that the scene was made for).
    """

    judge: str
    what: str


def once(where: str, names: Iterable[str]) -> Iterator[Verdict]:
    """No name occurs twice."""
    for name, times in Counter(names).items():
        if times > 1:
            yield Verdict("doubled", f"{name} is {times} times in {where}")


def in_order(where: str, names: Sequence[str], expected: Sequence[str]) -> Iterator[Verdict]:
    """The expected names that occur are in the expected order."""
    if list(dict.fromkeys(names)) != [name for name in dict.fromkeys(expected) if name in names]:
        yield Verdict("reordered", f"{where}: {names} for {expected}")
