"""What a topology file holds and nobody may see."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Secret"]


@dataclass(frozen=True)
class Secret:
    """Text that no repr, plan, log or error shows."""

    value: str = field(repr=False)
