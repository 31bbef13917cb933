"""What decides a simulated run."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from remit.testing.simulation.cluster.points import Strike
from remit.testing.simulation.workloads import Shop, Workload

__all__ = ["Scene"]


@dataclass(frozen=True)
class Scene:
    """Equal scenes are equal runs, as long as the code is the same."""

    seed: int
    pull: bool = True
    """Without, reads across contexts return nothing: messages arrive only because the broker brings them, which keeps
    them until they are handled."""
    restore: str = ""
    """The context whose store is once restored from a backup, with all processes down."""
    apart: bool = False
    """Whether contexts run in processes of their own, two of each, joined by a network that is as bad."""
    clients: int | None = None
    """At most so many clients; as drawn when None."""
    orders: int | None = None
    """At most so many rounds of orders of each client; as drawn when None."""
    faults: tuple[str, ...] | None = None
    """Just these faults, as `Choices` names them; as drawn when None."""
    workload: type[Workload] = Shop
    """What is simulated."""
    far: bool = False
    """Whether stores are in processes of their own: each question to one is a round trip."""
    packed: bool = False
    """Whether calls between processes are written as MessagePack, not as JSON."""
    points: bool = False
    """Whether the report names the points at which tasks wait."""
    strike: Strike | None = None
    """What happens at one of them."""

    @property
    def trims(self) -> bool:
        """Whether logs are trimmed meanwhile: in every third seed."""
        return self.seed % 3 == 2

    def command(self) -> str:
        """The command line that runs it again."""
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
        if self.far:
            words.append("--far")
        if self.packed:
            words.append("--packed")
        return shlex.join(words)
