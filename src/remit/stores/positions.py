"""How stores keep what a subscription has reported: its positions by partition, as JSON."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from remit.stores.port import Subscriber

__all__ = ["positions_text", "subscriber_of"]

_positions = msgspec.json.Decoder(dict[int, int])


def positions_text(positions: Mapping[int, int]) -> str:
    """Positions by partition, as they are kept."""
    return msgspec.json.encode(positions).decode()


def subscriber_of(name: str, channel: int, positions: str, at: float) -> Subscriber:
    """A subscriber from its row."""
    return Subscriber(name, channel, _positions.decode(positions), at)
