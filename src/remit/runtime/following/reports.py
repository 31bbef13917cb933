"""When a follower tells the source of its log how far it is, so that what it needs is not deleted there."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

REPORT_SECONDS = 10.0
"""Between two reports of a follower that moves."""
REPEAT_SECONDS = 600.0
"""A follower that does not move is heard of this often."""


class Reports:
    """What one follower has told last."""

    def __init__(self) -> None:
        self._told: Mapping[int, int] = {}
        self._at = -REPEAT_SECONDS

    def due(self, positions: Mapping[int, int]) -> bool:
        """Whether to tell these positions now."""
        waited = asyncio.get_running_loop().time() - self._at
        return waited >= REPEAT_SECONDS or (waited >= REPORT_SECONDS and positions != self._told)

    def told(self, positions: Mapping[int, int]) -> None:
        """They have been told."""
        self._told, self._at = positions, asyncio.get_running_loop().time()
