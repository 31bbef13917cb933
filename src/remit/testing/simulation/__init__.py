"""A whole system in a seeded simulation: virtual time, crashing processes, commits without replies, a faulty
network."""

from remit.testing.simulation.judges import Verdict
from remit.testing.simulation.run import Report, run_scene, simulate
from remit.testing.simulation.scene import Scene
from remit.testing.simulation.shrinking import shrink
from remit.testing.simulation.workloads import Workload

__all__ = ["Report", "Scene", "Verdict", "Workload", "run_scene", "shrink", "simulate"]
