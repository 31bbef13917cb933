"""Faulty machines, processes, stores and a network, independent of the system that runs on them."""

from remit.testing.simulation.cluster.choices import Choices
from remit.testing.simulation.cluster.cluster import Cluster
from remit.testing.simulation.cluster.door import ClusterDoor
from remit.testing.simulation.cluster.weather import Poison, Weather

__all__ = ["Choices", "Cluster", "ClusterDoor", "Poison", "Weather"]
