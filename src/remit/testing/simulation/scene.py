"""The parameters of a simulated run."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from remit.testing.simulation.cluster.points import Strike
from remit.testing.simulation.workloads import Shop, Workload

__all__ = ["Scene"]


@dataclass(frozen=True)
class Scene:
    """Equal scenes give equal runs, as long as the code is the same."""

    seed: int
    pull: bool = True
    """Without it, reads across contexts return nothing: messages arrive only through the broker, which keeps them until
    they are handled."""
    restore: str = ""
    """The context whose store is restored from a backup once, while all processes are down."""
    apart: bool = False
    """Whether contexts run in processes of their own, two replicas each, joined by a faulty network."""
    clients: int | None = None
    """The most clients; None: as drawn."""
    orders: int | None = None
    """The most rounds of orders of each client; None: as drawn."""
    faults: tuple[str, ...] | None = None
    """Only these faults, as `Choices` names them; None: as drawn."""
    workload: type[Workload] = Shop
    """The simulated system."""
    far: bool = False
    """Whether stores are in other processes, so that each access is a round trip."""
    packed: bool = False
    """Whether calls between processes are encoded as MessagePack instead of JSON."""
    edges: bool = False
    """Whether there are two processes more, which run no context and only call others, as a service of edges does."""
    points: bool = False
    """Whether the report lists the points where tasks wait."""
    strike: Strike | None = None
    """What happens at one of these points."""

    @property
    def trims(self) -> bool:
        """Whether logs are trimmed during the run: in every third seed."""
        return self.seed % 3 == 2

    def command(self) -> str:
        """The command line that repeats the run."""
        words = ["python", "-m", "remit.testing.simulation", "--seeds", "1", "--seed", str(self.seed)]
        if not self.pull:
            words.append("--no-pull")
        if self.restore:
            words += ["--restore", self.restore]
        if self.apart:
            words.append("--apart")
        if self.clients is not None:
            words += ["--clients", str(self.clients)]
        if self.orders is not None:
            words += ["--orders", str(self.orders)]
        if self.faults is not None:
            words += ["--faults", ",".join(self.faults)]
        if self.workload is not Shop:
            words += ["--workload", f"{self.workload.__module__}:{self.workload.__qualname__}"]
        flags = {"--far": self.far, "--packed": self.packed, "--edges": self.edges}
        words += [flag for flag, given in flags.items() if given]
        return shlex.join(words)
