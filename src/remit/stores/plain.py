"""Plain units of work: what stores write many at a time."""

from __future__ import annotations

from remit.stores.port import Unit


def is_plain(unit: Unit) -> bool:
    """Whether a unit has only what most units have: an outcome, state, messages, checkpoints that move."""
    return not unit.parks and unit.settle is None and unit.discard is None and not unit.forgets and not unit.rows
