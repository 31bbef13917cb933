"""Every decision that a real machine leaves to chance, drawn from one seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from hashlib import blake2b
from random import Random

__all__ = ["Choices"]


class Choices:
    """Draws. The same seed gives the same draws as long as the same questions are asked in the same order.

    0 and False are always the harmless answers. While `calm`, no fault is drawn. A fault is named after its site and
    how often that site had asked: `crash:3`. With `only`, just these happen, and everything else is drawn as it was.
    """

    def __init__(self, seed: int, only: Collection[str] | None = None) -> None:
        self._random = Random(f"remit {seed}")  # noqa: S311  chance that can be repeated, no secret
        self._hash = blake2b(digest_size=16)
        self._only = only
        self._asked: Counter[str] = Counter()
        self.fired: list[str] = []
        self.calm = False

    def draw(self, site: str, ways: int) -> int:
        """One of `ways` ways to go on."""
        return self._taken(site, int(self._random.random() * ways))

    def chance(self, site: str, permille: int) -> bool:
        """Whether a fault happens here."""
        if self.calm:
            return False
        self._asked[site] += 1
        name = f"{site}:{self._asked[site]}"
        fault = self._random.random() * 1000 < permille
        if self._only is not None:
            fault = name in self._only
        if self._taken(site, int(fault)):
            self.fired.append(name)
        return fault

    def delay(self, site: str, longest: float) -> float:
        """Seconds that something takes: mostly a small part of the longest, sometimes nearly all of it."""
        return longest * (self._taken(site, int(self._random.random() * 1000)) / 1000) ** 3

    def random(self) -> Random:
        """A generator of its own for code that asks for one."""
        return Random(self._random.random())  # noqa: S311  chance that can be repeated, no secret

    def note(self, what: str) -> None:
        """Takes something that happened into the digest."""
        self._hash.update(what.encode())

    def digest(self) -> str:
        """The whole run in 32 characters: equal digests, equal runs."""
        return self._hash.hexdigest()

    def _taken(self, site: str, value: int) -> int:
        self._hash.update(f"{site}{value};".encode())
        return value
