"""A whole system in seeded simulation: virtual time, crashing processes, commits with lost replies, a hostile pipe."""

from remit.testing.simulation.judges import Verdict
from remit.testing.simulation.scene import Scene
from remit.testing.simulation.shrinking import shrink
from remit.testing.simulation.world import Report, run_scene, simulate

__all__ = ["Report", "Scene", "Verdict", "run_scene", "shrink", "simulate"]
