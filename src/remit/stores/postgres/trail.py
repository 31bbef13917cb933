"""What checkpoints leave behind when they move: a row for each move, of which only the newest counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from remit.log import SubscriptionId
from remit.stores.port import Unit

_MANY = 1000
"""Moves after which it is swept up."""

# The newest row stays, wherever it is: a person may have put it back since, below what this process has moved.
SWEEP = """
    DELETE FROM remit_checkpoint c
    USING unnest($1::text[], $2::text[], $3::int[], $4::int[], $5::bigint[], $6::bigint[])
          AS m (subscription, source, channel, part, low, high)
    CROSS JOIN LATERAL (
        SELECT n.prev FROM remit_checkpoint n
        WHERE n.subscription = m.subscription AND n.source = m.source AND n.channel = m.channel AND n.part = m.part
        ORDER BY n.prev DESC LIMIT 1
    ) newest
    WHERE c.subscription = m.subscription AND c.source = m.source AND c.channel = m.channel AND c.part = m.part
    AND c.prev >= m.low AND c.prev < least(m.high, newest.prev)
"""

_Place = tuple[SubscriptionId, int]


class Trail:
    """Remembers which rows may go. It goes by positions, so that what was deleted before is not looked at again."""

    def __init__(self) -> None:
        self._moves = 0
        self._swept: dict[_Place, int] = {}
        self._newest: dict[_Place, int] = {}

    def moved(self, units: Iterable[Unit]) -> None:
        """These units are written."""
        for unit in units:
            if (advance := unit.advance) is not None:
                self._moves += 1
                place = (advance.subscription, advance.part)
                self._newest[place] = advance.before
                if advance.before < self._swept.get(place, 0):  # it was put back: all is to be swept once more
                    del self._swept[place]

    def sweep(self) -> Sequence[Sequence[object]]:
        """The values of `SWEEP`, which deletes what was left behind; none while there is little."""
        if self._moves < _MANY:
            return ()
        rows = [(*id, part, self._swept.get((id, part), 0), newest) for (id, part), newest in self._newest.items()]
        self._moves = 0
        self._swept |= self._newest
        self._newest = {}
        return list(zip(*rows, strict=True))
