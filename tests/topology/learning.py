"""The topologies of the learning platform, as they lie beside it."""

from __future__ import annotations

from pathlib import Path

from learning.system import platform
from remit.topology.file import read_topology
from remit.topology.placement import Placement, Shapes, place
from remit.topology.shapes import shapes_of

FOLDER = Path(__file__).parents[2] / "examples" / "learning" / "topologies"
ENVIRONMENT = {"NATS_URL": "nats://me:hush@127.0.0.1:4222", "PG": "127.0.0.1", "SCHOOL_PASSWORD": "hush"}


def shapes() -> Shapes:
    """The shapes of the platform's contexts."""
    return shapes_of(platform.hosting().model())


def planned(name: str) -> Placement:
    """One of the topologies, put on the platform."""
    return place(read_topology(FOLDER / f"{name}.toml", ENVIRONMENT), shapes())
