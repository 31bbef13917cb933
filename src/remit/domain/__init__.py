"""The base classes of what a context decides and stores: aggregates, claims, records, projections. Data and pure
functions only: no I/O, no clock, no state of the framework."""

from remit.domain.aggregate import Aggregate, has_recorded, recorded_by, recording, refuse_other_identity, take_recorded
from remit.domain.claim import Claim
from remit.domain.copies import copying
from remit.domain.freshness import Freshness
from remit.domain.mutable import needed_fields
from remit.domain.projection import Projection, freshness_of
from remit.domain.record import Record
from remit.domain.recorded import as_recorded
from remit.domain.row import Indexes, Row, indexes_of, is_removed
from remit.domain.sourced import EventSourced, not_folded

__all__ = [
    "Aggregate",
    "Claim",
    "EventSourced",
    "Freshness",
    "Indexes",
    "Projection",
    "Record",
    "Row",
    "as_recorded",
    "copying",
    "freshness_of",
    "has_recorded",
    "indexes_of",
    "is_removed",
    "needed_fields",
    "not_folded",
    "recorded_by",
    "recording",
    "refuse_other_identity",
    "take_recorded",
]
