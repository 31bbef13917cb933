"""What all units of work of a process share, whoever has them run: a call, or a follower."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from remit.contexts import Sender
from remit.messages import Contract, contract_of
from remit.runtime.listeners import Listeners
from remit.runtime.plan import ContextPlan
from remit.runtime.ports import Ports
from remit.runtime.services import Services
from remit.runtime.work.deadlines import Deadlines
from remit.runtime.work.outcomes import Outcomes
from remit.runtime.work.turns import Pulse, Turns
from remit.runtime.work.unit import UnitOfWork
from remit.runtime.work.workplace import Forms, Workplace
from remit.stores import Store


class Shared:
    """Made once for a process."""

    def __init__(
        self,
        plans: Mapping[str, ContextPlan],
        stores: Mapping[str, Store],
        contracts: Mapping[type, Contract],
        services: Services,
        ports: Ports,
        stamp: Callable[[], float],
        listeners: Listeners,
        sender: Callable[[UnitOfWork], Sender],
        *,
        carries: bool = False,
    ) -> None:
        """`stamp` gives the time of what is deleted by its age, `sender` what a unit of work's handlers call with.
        `carries` says whether headers of requests travel with what is recorded."""
        self.carries = carries
        self.seconds: Callable[[], float] = ports.clock.seconds
        self.stamp = stamp
        self.deadlines = Deadlines()
        self.turns = Turns()
        self.outcomes = Outcomes(stamp)
        self.recovered = Pulse()
        """Rung when an address that was not called is called again."""
        self.avoids: Callable[[], bool] = lambda: False
        """Whether an address is not called now, so that `recovered` will be rung."""
        published = Forms({}, contracts.__getitem__)
        self.workplaces = {
            name: Workplace(
                plan, stores[name], Forms(plan.events, partial(contract_of, context=name)), published,
                services.of(name), ports.ids, ports.clock, ports.clock.seconds, sender, listeners.unit_committed,
                carries,
            )
            for name, plan in plans.items()
        }  # fmt: skip
        """By context: what the units of work here have around them."""
