"""What a judge says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

__all__ = ["Verdict", "in_order", "once"]


class Verdict(NamedTuple):
    """Something that must not be.

    `judge` is lost, doubled, reordered, stuck, false (an answer that is not true), silent (a source has another
    history than its follower, which does not say so) or misled (the run is not the one that the scene was made for).
    """

    judge: str
    what: str


def once(where: str, names: Iterable[str]) -> Iterator[Verdict]:
    """Nothing is there twice."""
    for name, times in Counter(names).items():
        if times > 1:
            yield Verdict("doubled", f"{name} is {times} times in {where}")


def in_order(where: str, names: Sequence[str], expected: Sequence[str]) -> Iterator[Verdict]:
    """What of the expected is there is in their order."""
    if list(dict.fromkeys(names)) != [name for name in dict.fromkeys(expected) if name in names]:
        yield Verdict("reordered", f"{where}: {names} for {expected}")
