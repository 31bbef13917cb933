"""All random decisions of a simulation, drawn from one seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from hashlib import blake2b
from random import Random

__all__ = ["Choices"]


class Choices:
    """Draws random decisions. The same seed gives the same draws if the same questions come in the same order.

    0 and False are always the harmless results. While `calm`, no fault is drawn. A fault is named by its site and the
    number of the site's draw: `crash:3`. With `only`, exactly these faults happen, and all other draws stay the same.
    """

    def __init__(self, seed: int, only: Collection[str] | None = None) -> None:
        self._random = Random(f"remit {seed}")  # noqa: S311  chance that can be repeated, no secret
        self._hash = blake2b(digest_size=16)
        self._only = only
        self._asked: Counter[str] = Counter()
        self.fired: list[str] = []
        self.calm = False

    def draw(self, site: str, ways: int) -> int:
        """A number below `ways`."""
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
        """A duration in seconds: mostly a small part of the longest, sometimes nearly all of it."""
        return longest * (self._taken(site, int(self._random.random() * 1000)) / 1000) ** 3

    def random(self) -> Random:
        """A random generator for code that needs its own."""
        return Random(self._random.random())  # noqa: S311  chance that can be repeated, no secret

    def note(self, what: str) -> None:
        """Adds an event to the digest."""
        self._hash.update(what.encode())

    def digest(self) -> str:
        """The whole run in 32 characters: equal digests mean equal runs."""
        return self._hash.hexdigest()

    def _taken(self, site: str, value: int) -> int:
        self._hash.update(f"{site}{value};".encode())
        return value
