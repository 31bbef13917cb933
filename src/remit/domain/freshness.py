"""The promise of a read model: how old its answers may be."""

from __future__ import annotations

from dataclasses import dataclass

LEAST_SECONDS = 2.0
"""Ages are measured once a second, so a shorter promise could not be kept."""


@dataclass(frozen=True, kw_only=True)
class Freshness:
    """How old a read model may be, in seconds: `class Board(Row[str, Sent], freshness=Freshness(warn=5, critical=60))`.

    A model that is older than `warn` is reported as lagging, and one that is older than `critical` as stale. With
    `refuse`, queries do not read a stale model: they end with `TooOld`. Raises `ValueError` unless
    2 <= warn <= critical.
    """

    warn: float
    critical: float
    refuse: bool = False

    def __post_init__(self) -> None:
        if not LEAST_SECONDS <= self.warn <= self.critical < float("inf"):
            raise ValueError(
                f"Freshness(warn={self.warn!r}, critical={self.critical!r}): expected numbers of seconds, "
                f"{LEAST_SECONDS:.0f} <= warn <= critical"
            )
