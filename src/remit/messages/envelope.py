"""The envelope: a message as it stands in a log, and as it travels from there."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Record"]


class Record(NamedTuple):
    """A message in a log: dense position in its partition, and the id of its predecessor there ("" for the first)."""

    part: int
    pos: int
    id: str
    prev: str
    key: str
    type: str
    version: int
    at: float
    """Seconds since the epoch."""
    headers: str
    """JSON object."""
    payload: bytes
