"""What calls and followers of a process share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial

from remit.contexts import Sender
from remit.errors import NotDeclared
from remit.messages import Command, Contract, IntegrationEvent, contract_of
from remit.runtime.listeners import Listeners
from remit.runtime.plan import ContextPlan
from remit.runtime.ports import Ports
from remit.runtime.services import Services
from remit.runtime.work.aging import Ages, no_age
from remit.runtime.work.deadlines import Deadlines
from remit.runtime.work.outcomes import Outcomes
from remit.runtime.work.reach import Reach
from remit.runtime.work.turns import Pulse, Queue, Turns
from remit.runtime.work.unit import UnitOfWork
from remit.runtime.work.workplace import Forms, Workplace
from remit.stores import Store, Unit


class Shared:
    """Shared by all units of work; one per process."""

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
        reaches: Mapping[str, Reach] | None = None,
        ages: Ages = no_age,
    ) -> None:
        """`stamp` gives the time for rows that are deleted by age, `sender` the sender for the handlers of a unit of
        work. `carries` says whether recorded messages carry headers of requests. `reaches` says what each context
        may use of others; None: everything. `ages` says how old read models are."""
        self.carries = carries
        self.seconds: Callable[[], float] = ports.clock.seconds
        self.stamp = stamp
        self.deadlines = Deadlines()
        self.turns = Turns()
        self.queues: defaultdict[str, Queue] = defaultdict(Queue)
        """The queue of each projection, by the kind of its documents."""
        self.written: defaultdict[str, list[Callable[[Unit], None]]] = defaultdict(list)
        """Who is told what is about to be written of each projection, by any of its sources."""
        self.outcomes = Outcomes(stamp)
        self.recovered = Pulse()
        """Rings when the circuit breaker of an address closes."""
        self.avoids: Callable[[], bool] = lambda: False
        """Whether a circuit breaker is open, so that `recovered` will ring."""
        published = Forms({}, partial(_published, contracts))
        self.workplaces = {
            name: Workplace(
                plan, stores[name], Forms(plan.events, partial(contract_of, context=name)), published,
                services.of(name), ports.ids, ports.clock, ports.clock.seconds, sender, listeners.unit_committed,
                carries, reaches.get(name) if reaches else None, ages,
            )
            for name, plan in plans.items()
        }  # fmt: skip
        """The workplace of each context."""


def _published(contracts: Mapping[type, Contract], message: type) -> Contract:
    """The contract of an integration event, or of a command sent for later. Raises `NotDeclared` for anything else."""
    contract = contracts.get(message)
    if contract is None or not issubclass(message, (IntegrationEvent, Command)):
        raise NotDeclared(
            f"{message.__name__} was published, which is no integration event of this system", where=message.__module__,
            expected="a publisher that returns one integration event that its annotation names, or None",
            next="annotate the publisher with what it returns, and return one event",
        )  # fmt: skip
    return contract
