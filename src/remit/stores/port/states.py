"""State by its identity, and what commands have ended with."""

from __future__ import annotations

from typing import NamedTuple, Protocol

__all__ = ["Claims", "Outcome", "States"]


class States(Protocol):
    """Aggregates and documents of projections."""

    async def load(self, kind: str, id: str) -> tuple[int, bytes] | None:
        """Version and body of one piece of state, or None."""
        ...


class Outcome(NamedTuple):
    """What a repeated call gets."""

    fingerprint: bytes
    outcome: bytes
    at: float
    """When the key was claimed, or kept last (seconds since the epoch)."""


class Claims(Protocol):
    """What is known of commands that have a key."""

    async def outcome(self, caller: str, key: str) -> Outcome | None:
        """What the command with this key has ended with, or None."""
        ...

    async def recall(
        self, caller: str, key: str, kind: str, id: str
    ) -> tuple[Outcome | None, tuple[int, bytes] | None]:
        """`outcome` and `load` in one go: what a command begins with."""
        ...

    async def first_begun(self, caller: str, key: str, at: float) -> tuple[Outcome | None, float]:
        """`outcome`, and when this command was first begun: at this time (seconds since the epoch), or before.

        The time is kept, durably, before this returns; in one round trip. Raises also `OutcomeUnknown`.
        """
        ...

    async def keep(self, caller: str, key: str, at: float) -> None:
        """A command was repeated at this time: its outcome is as young as if it had been claimed then."""
        ...
