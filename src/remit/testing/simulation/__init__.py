"""A whole system in seeded simulation: virtual time, crashing processes, commits with lost replies, a hostile pipe."""

from remit.testing.simulation.judges import Verdict
from remit.testing.simulation.world import Report, simulate

__all__ = ["Report", "Verdict", "simulate"]
