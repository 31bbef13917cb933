"""What decides: aggregates and projections. Data and pure functions; no I/O, no clock, no framework state."""

from remit.domain.aggregate import Aggregate, has_recorded, recording, take_recorded
from remit.domain.mutable import needed_fields
from remit.domain.projection import Projection

__all__ = ["Aggregate", "Projection", "has_recorded", "needed_fields", "recording", "take_recorded"]
