"""What every adapter of a port must do, as tests that its author runs."""

from remit.testing.conformance.calls import CallConformance
from remit.testing.conformance.events import EventConformance
from remit.testing.conformance.isolation import IsolationConformance
from remit.testing.conformance.sql import SqlConformance
from remit.testing.conformance.upkeep import StoreConformance

__all__ = ["CallConformance", "EventConformance", "IsolationConformance", "SqlConformance", "StoreConformance"]
