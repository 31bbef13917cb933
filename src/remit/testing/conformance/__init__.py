"""The conformance suites: what every adapter of a port must do, as tests for its author."""

from remit.testing.conformance.calls import CallConformance
from remit.testing.conformance.events import EventConformance
from remit.testing.conformance.isolation import IsolationConformance
from remit.testing.conformance.sql import SqlConformance
from remit.testing.conformance.upkeep import StoreConformance

__all__ = ["CallConformance", "EventConformance", "IsolationConformance", "SqlConformance", "StoreConformance"]
