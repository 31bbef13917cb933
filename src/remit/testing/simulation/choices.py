"""Every decision that a real machine leaves to chance, drawn from one seed and kept as a tape."""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b
from random import Random

__all__ = ["Choices"]


class Choices:
    """Draws. The same seed gives the same draws as long as the same questions are asked in the same order.

    0 and False are always the harmless answers. While `calm`, no fault is drawn.
    """

    def __init__(self, seed: int) -> None:
        self._random = Random(f"remit {seed}")  # noqa: S311  chance that can be repeated, no secret
        self._hash = blake2b(digest_size=16)
        self.tape: list[int] = []
        self.fired: Counter[str] = Counter()
        self.calm = False

    def draw(self, site: str, ways: int) -> int:
        """One of `ways` ways to go on."""
        return self._taken(site, int(self._random.random() * ways))

    def chance(self, site: str, permille: int) -> bool:
        """Whether a fault happens here."""
        if self.calm:
            return False
        fault = self._taken(site, int(self._random.random() * 1000 < permille)) == 1
        if fault:
            self.fired[site] += 1
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
        self.tape.append(value)
        self._hash.update(f"{site}{value};".encode())
        return value
