"""The systems that are simulated. The cluster and the judges of delivery are independent of them."""

from remit.testing.simulation.workloads.shop import Shop
from remit.testing.simulation.workloads.workload import Workload

__all__ = ["Shop", "Workload"]
