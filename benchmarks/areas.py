"""What can be measured: the words an area uses to describe itself. No peer and no remit is imported here."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

AREA_NAMES = ("dispatch", "sqlite", "postgres", "streams", "projections", "delivery", "relay", "calls", "idle")


@dataclass(frozen=True)
class Variant:
    """One way to do the work. `run` is "module:function", from `Work` to `Sample`, imported in the worker only."""

    name: str
    run: str
    rounds: int | None = None  # fewer than asked for, where one round takes minutes
    packages: tuple[str, ...] = ()  # whose versions explain the number


@dataclass(frozen=True)
class Times:
    """Ours must be at least `least` times as good as the variant named `against`."""

    against: str
    least: float


@dataclass(frozen=True)
class AtMost:
    """Ours must be at most `most`, in the unit of the measurement."""

    most: float


@dataclass(frozen=True)
class Measurement:
    """One question, answered by ours and by others that do the same work."""

    name: str
    unit: str
    ours: str
    peers: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    targets: tuple[Times | AtMost, ...] = ()
    less_is_better: bool = False

    @property
    def others(self) -> tuple[str, ...]:
        return self.peers + self.limits

    @property
    def variants(self) -> tuple[str, ...]:
        return (self.ours, *self.others)

    def times_better(self, ours: float, other: float) -> float:
        """How many times as good ours is: above 1 is better, whichever direction the unit has."""
        return other / ours if self.less_is_better else ours / other


@dataclass(frozen=True)
class Area:
    """Measurements that share a table, the variants they compare, and what a reader must know to judge them."""

    name: str
    title: str
    variants: tuple[Variant, ...]
    measurements: tuple[Measurement, ...]
    notes: tuple[str, ...]

    @cached_property
    def by_name(self) -> Mapping[str, Variant]:
        return {variant.name: variant for variant in self.variants}


def load(name: str) -> Area:
    """The area of that name. Raises `ModuleNotFoundError` for a name not in `AREA_NAMES`."""
    area: Area = importlib.import_module(f"benchmarks.{name}").AREA
    return area
