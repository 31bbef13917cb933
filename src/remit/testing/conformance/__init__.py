"""What every adapter of a port must do, as tests that its author runs."""

from remit.testing.conformance.upkeep import StoreConformance

__all__ = ["StoreConformance"]
