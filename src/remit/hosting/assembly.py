"""The assembly: makes the parts of one process for a topology, not yet open, and puts them together."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from remit.checks.statements import check_statements
from remit.contexts import Model, Sender
from remit.contexts.annotations import asks_for_session, asks_for_sql
from remit.errors import Finding, Findings, ModelError
from remit.hosting.notes import tell_notes
from remit.hosting.technologies import make_channels, open_published, open_store
from remit.log import Channel, SubscriptionId
from remit.messages.component import Component
from remit.messages.once import unchanged
from remit.observability import log_event
from remit.runtime import Channels, Host, Listener, LoopWatch, Placed, Ports, compile_system
from remit.runtime.listeners import beside
from remit.runtime.plan import ContextPlan
from remit.stores import Store
from remit.topology import DEFAULT_STORE
from remit.topology.channels import FOR_CALLS
from remit.topology.file import Service, Topology, read_topology
from remit.topology.grants import GrantsFile, usage_of
from remit.topology.keys import is_keyed, is_proved
from remit.topology.placement import PlacedService, Placement, hosted_by, place, reads_directly
from remit.topology.secrets import settle
from remit.topology.shapes import shapes_of
from remit.topology.stores import FOR_STATEMENTS, store_at

CALLER = PlacedService(Service("caller", ()), {}, {})
"""A process that runs no part of the system and calls all of it."""


Usage = Mapping[str, Mapping[str, Sequence[str]]]
LoadModel = Callable[[Collection[str]], Model]
"""Loads these contexts and returns the model of a system with them. Raises `ModelError`."""


def placed_on(topology: Topology, model: Model, load: LoadModel | None = None) -> Placement:
    """The placement of a system by a topology. Raises `ModelError` with every finding.

    With `load`, contexts of which no service runs more than an edge are loaded as well, because they may be empty.
    """
    shapes = dict(shapes_of(model))
    run = {name for service in topology.services.values() for name in hosted_by(service, shapes, ())[0]}
    left_out = [name for name, shape in shapes.items() if shape is None and name not in run]
    if left_out and load is not None:
        seen = shapes_of(load(left_out))
        shapes |= {name: seen[name] for name in left_out}
    return place(topology, shapes, model.with_edges)


def placed_in(placement: Placement, service: PlacedService) -> Placed:
    """What a process of this service runs, and what it needs to know of other processes."""
    contexts = placement.logs
    relays = [id for id in relayed(placement) if service.has(id.source, "write")]
    pushed = {(name, Channel.PUBLISHED) for name in contexts} | {(name, Channel.PRIVATE) for name in placement.apart}
    # A process that alone writes a log learns of new messages from its own store.
    written = {name for name in contexts if _alone_writes(placement, service, name)}
    heard = {(source, channel) for source, channel in pushed if source not in written}
    elsewhere = _elsewhere(placement, service, contexts)
    return Placed(service.runs, elsewhere, relays, heard, placement.topology.archives)


def _alone_writes(placement: Placement, service: PlacedService, context: str) -> bool:
    """Whether the only process of this service is the only one that writes the log of a context."""
    homes = {placement.homes.get(Component(context, part), service.service.name) for part in ("write", "acl")}
    return service.service.replicas == 1 and service.has(context, "write") and homes == {service.service.name}


def _elsewhere(placement: Placement, service: PlacedService, contexts: list[str]) -> set[Component]:
    """The addresses that other services answer."""
    parts = {Component(context, part) for context, runs in service.runs.items() for part in runs}
    logs = {Component(context, "log") for context in service.stores}
    return {*placement.homes, *(Component(name, "log") for name in contexts)} - parts - logs


def relayed(placement: Placement) -> list[SubscriptionId]:
    """The subscriptions of relays: the writer of a log relays it to the broker. The published channel is always
    relayed, the private channel only if the components of a context run in different services."""
    events = placement.topology.events
    if events is None or reads_directly(placement.topology):
        return []
    writers = sorted(home.context for home in placement.homes if home.part == "write")
    return [
        SubscriptionId(f"{context}.relay:{events.technology.name}", context, channel)
        for context in writers
        for channel in ((Channel.PUBLISHED, Channel.PRIVATE) if context in placement.apart else (Channel.PUBLISHED,))
    ]


def followed_by(model: Model, context: str) -> list[str]:
    """The contexts whose published channel a service with only this context follows. `model` must include it."""
    follows = compile_system(model)[context].follows
    return sorted({id.source for id in follows if id.channel == Channel.PUBLISHED} - {context})


@unchanged()
def assemble(
    model: Model,
    *,
    store: str = DEFAULT_STORE,
    ports: Ports | None = None,
    parity: bool = False,
    stores: Mapping[str, Store] | None = None,
    listeners: Iterable[Listener] = (),
    plans: Mapping[str, ContextPlan] | None = None,
) -> Host:
    """A process that runs the whole system, not yet started. Logs the notes on the model. `plans` are the plans of the
    model, if they were compiled before.

    `listeners` receive the events of the process, beside the log. Raises `ModelError` for stores that lack a feature
    that handlers need, `StoreError` and `ListenerError`.
    """
    names = [context.name for context in model.contexts]
    stores = stores or {name: open_store(store_at(store, name), name) for name in names}
    findings = Findings()
    for context in model.contexts:
        kind, of_library = stores[context.name].technology, asks_for_session(context)
        for handler in asks_for_sql(context):
            takes_sql, wanted = (bool(kind.dialect), "a session") if handler in of_library else (kind.sql, "Sql")
            check_statements(
                context.name, [handler.name], findings, takes_sql=takes_sql, where=handler.place, wanted=wanted,
                next=f'connect(store="{FOR_STATEMENTS.form}")',
            )  # fmt: skip
    findings.settle()
    tell_notes(model)
    channels = Channels(schemas={name: store_at(store, name).schema for name in names})
    return Host(
        model, stores, ports or Ports(watch=LoopWatch()), parity=parity, listeners=beside(log_event, listeners),
        plans=plans, channels=channels,
    )  # fmt: skip


@unchanged()
def assemble_service(
    model: Model,
    placement: Placement,
    service: PlacedService = CALLER,
    *,
    replica: int = 0,
    listeners: Iterable[Listener] = (),
) -> Host:
    """A process of a service, not yet started. `model` has the contexts of which the service runs a part.

    `listeners` receive the events of the process, beside the log. Raises `ModelError` with every missing secret,
    `StoreError` and `ChannelError` for a driver that is not installed, and `ListenerError`.
    """
    topology = placement.topology
    settle(topology, service)
    if service.runs:  # a process that only calls cannot mend the model
        tell_notes(model)
    stores = {context: open_store(place, context) for context, place in service.stores.items()}
    schemas = {context: topology.store_of(context).schema for context in placement.contexts}
    channels = replace(make_channels(model.name, placement, service.service, replica), schemas=schemas)
    if reads_directly(topology):
        published = {context: open_published(place, context) for context, place in service.stores.items()}
        channels = replace(channels, published=published)
    granted = _granted(model, topology) if service.runs else None
    known = replace(model, elsewhere=tuple(name for name in model.elsewhere if name in placement.logs), granted=granted)
    return Host(
        known, stores, Ports(watch=LoopWatch()), placed=placed_in(placement, service), channels=channels,
        listeners=beside(log_event, listeners),
    )  # fmt: skip


def started(model: Model, placement: Placement) -> Model:
    """The model as a service with this placement starts with it; without grants if there is no file of grants."""
    try:
        granted = _granted(model, placement.topology)
    except ModelError:
        granted = None
    return replace(model, elsewhere=tuple(name for name in model.elsewhere if name in placement.logs), granted=granted)


def _granted(model: Model, topology: Topology) -> Usage | None:
    """What each context may use, from the file of grants, if services prove their names and this process does not know
    the whole map. Raises `ModelError` if there is no such file."""
    unseen = {*model.elsewhere} - {context.name for context in model.beside}
    if not is_keyed(topology) and not (is_proved(topology) and unseen):
        return None
    return usage_of(GrantsFile(topology).grants)


@asynccontextmanager
async def connect_to_services(
    model: Model, path: str, listeners: Iterable[Listener], load: LoadModel
) -> AsyncGenerator[Sender]:
    """A `Sender` over the call channel of a topology file. Raises `ModelError`, `ChannelError` and `ListenerError`."""
    topology = read_topology(path, whole=False)
    if topology.calls is None:
        raise ModelError(findings=[Finding(
            "topology.no-calls", f"{path} [channels] calls", "its services cannot be called from another process",
            expected="a channel for calls",
            next=f'calls = "{FOR_CALLS.form}" there; or run the system beside it on the same stores: '
            f"remit send {topology.system} ... --store ..., or connect(store=...)",
        )])  # fmt: skip
    caller = assemble_service(model, placed_on(topology, model, load), listeners=listeners)
    try:
        await caller.start()
        yield caller
    finally:
        await caller.stop()
