"""The system: contexts and their map, and the ways to connect to it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Coroutine, Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, overload

from remit.contexts import ClientOf, Context, ContextMap, Model, Relation, Sender, derive
from remit.contexts.edges import HttpEdge
from remit.contexts.relations import listed
from remit.errors import Findings, ModelError, OutboxError, one_of
from remit.hosting.loading import load_contexts, load_edges, places_of
from remit.hosting.outbox import Outbox, SyncOutbox
from remit.messages import Command, Query, Refusal
from remit.messages.once import unchanged
from remit.topology import DEFAULT_STORE

if TYPE_CHECKING:  # declaring a system imports nothing that runs it
    from asyncio import AbstractEventLoop

    from remit.boundaries import CodeMap
    from remit.hosting.loop_thread import LoopThread
    from remit.runtime import Host, Listener

R = TypeVar("R")
E = TypeVar("E", bound=Refusal)
AnyOutbox = TypeVar("AnyOutbox", Outbox, SyncOutbox)


class System:
    """The whole system: contexts and their relations.

    `name` follows the rules for names of contexts, because it is part of other names. `contexts` are the contexts
    themselves, or their places by name: `{"billing": "shop.billing:billing"}`, or their names only: `["billing"]`. The
    place of a context that is only named is the entry point of this name, in the group `remit.contexts` of an installed
    distribution. With places or names, a process imports only the contexts that it hosts, and a release may lack the
    others. Relations may refer to contexts by name. `edges` are given in the same ways: the edges themselves, their
    places by context, or the names of their contexts, with entry points in the group `remit.edges`.

    `client_of` returns the client of a request, from its ASGI scope. Each client of the HTTP edge has its own
    idempotency keys. Without it, clients are identified by their header Authorization.

    `headers` names HTTP headers that are passed on with a request: through calls and events, in every process, to the
    interceptors of each handler that the request reaches. They are stored with every message that results from it.

    Construction checks nothing. What is wrong is reported by `check`, and by `connect` as a `ModelError`.
    """

    def __init__(
        self,
        name: str,
        *,
        contexts: Sequence[Context[Any] | str] | Mapping[str, str],
        edges: Sequence[HttpEdge | str] | Mapping[str, str] = (),
        relations: Sequence[Relation] = (),
        client_of: ClientOf | None = None,
        headers: Sequence[str] = (),
    ) -> None:
        self._places = places_of(contexts)
        self._all_places = self._places
        self._edge_places = places_of(edges)
        self._map = ContextMap(
            name=name,
            contexts=tuple(each for each in contexts if not isinstance(each, str)),
            stated=listed(relations),
            elsewhere=tuple(self._places),
            edges=tuple(each for each in edges if not isinstance(each, str)),
            edges_elsewhere=tuple(self._edge_places),
            client_of=client_of,
            headers=tuple(name.lower() for name in headers),
        )
        self._running: list[tuple[AbstractEventLoop, Host]] = []

    @property
    def name(self) -> str:
        """The name of the system."""
        return self._map.name

    @property
    def contexts(self) -> tuple[Context[Any], ...]:
        """The contexts that are loaded here: all but those given by their places or names."""
        return self._map.contexts

    @property
    def edges(self) -> tuple[HttpEdge, ...]:
        """The edges that are loaded here: all but those given by their places or names."""
        return self._map.edges

    @property
    def with_edges(self) -> frozenset[str]:
        """The names of the contexts that have an edge, loaded here or not."""
        return self._map.with_edges

    @property
    def relations(self) -> tuple[Relation, ...]:
        """The relations between the contexts, also those that loaded contexts state."""
        return self._map.relations

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all contexts of the system."""
        return self._map.names

    @property
    def client_of(self) -> ClientOf | None:
        """Identifies the clients of the HTTP edge. None: clients are identified by their credentials."""
        return self._map.client_of

    @property
    def headers(self) -> tuple[str, ...]:
        """The request headers that are passed on, by lower-case name."""
        return self._map.headers

    def with_headers(self, headers: Mapping[str, str]) -> AbstractContextManager[None]:
        """Calls inside this context manager belong to a request with these headers. For code outside of the HTTP edge.

        `with shop.with_headers({"x-tenant": "acme"}): await app.send(...)`. Raises `RemitError` for a header that the
        system does not name, and for a value that is not printable ASCII or is longer than 255 characters.
        """
        from remit.runtime.work.carried import carrying, checked

        return carrying(checked(headers, self.headers))

    def check(self, names: Collection[str] | None = None, *, edges: Collection[str] | None = None) -> Findings:
        """All findings on the system, in one list. Its `notes` are declarations that are allowed but may be mistakes.
        Imports contexts that are given by their places or names. Raises nothing for a faulty system.

        With `names` and `edges`, the findings in a process that hosts this part of the system (see `hosting`).
        """
        try:
            seen = self.hosting(names, edges=edges)
        except ModelError as error:
            return Findings(error.findings)
        with unchanged():
            return seen._judged(whole=names is None)  # noqa: SLF001  # another instance of this class

    def _judged(self, *, whole: bool) -> Findings:
        from remit.checks import check
        from remit.edges.http.doors import RESERVED, findings_on_hooks, findings_on_routes
        from remit.hosting.modules import not_imported
        from remit.registry.drift import language_findings
        from remit.registry.owners import check_owners

        findings = check(self._map)
        unseen = not_imported(self._map)
        unsound = {each.where for each in findings if each.code.startswith(("message.", "refusal."))}
        routes = findings_on_routes(self.edges, RESERVED, unsound)
        beyond = self._loaded_beyond()
        hooks = findings_on_hooks(self.contexts, self.edges, unsound)
        found = Findings([*findings, *unseen, *routes, *hooks, *beyond], notes=[*findings.notes, *unseen.notes])
        if whole and not found:
            model = derive(self._map)
            found = language_findings(model)
            check_owners(model, found)
            found = Findings(found, notes=[*findings.notes, *unseen.notes, *found.notes])
        return found

    def model(self) -> Model:
        """The model of the system, which the code that runs, places and shows a system reads. Raises `ModelError` with
        every finding."""
        from remit.checks import model_of  # declaring a system neither checks it nor reads files
        from remit.hosting.modules import not_imported

        with unchanged():
            return model_of(self._map, Findings([*not_imported(self._map), *self._loaded_beyond()]))

    def _loaded_beyond(self) -> Findings:
        """What contexts have loaded of one another against the relations. Without relations, nothing is looked for."""
        if not self.relations:
            return Findings()
        from remit.hosting.code_maps import code_map_of  # a system without relations loads nothing of this
        from remit.hosting.loaded import loaded_beyond

        declared = {context.name for context in (*self._map.contexts, *self._map.beside)}
        return loaded_beyond(code_map_of(self._map, self._all_places), declared)

    def code_map(self) -> CodeMap:
        """The map of the system's source text, with which `remit.boundaries` checks imports, SQL and purity. Imports
        contexts that are given by their places. Raises `ModelError` for contexts and edges that are not there."""
        from remit.hosting.code_maps import code_map_of

        return code_map_of(self.hosting()._map)  # noqa: SLF001  # another instance of this class

    def hosting(self, names: Collection[str] | None = None, *, edges: Collection[str] | None = None) -> System:
        """The system as seen by a process that hosts these contexts (None: all). The other contexts are known by name
        only. `edges` are the contexts whose edges it serves; None: those of `names`.

        Raises `ModelError` for contexts and edges that are not at their places.
        """
        whole = not self._map.elsewhere and not self._map.edges_elsewhere
        if names is None and edges is None and whole:
            return self
        edges = names if edges is None else edges
        names = self.names if names is None else names
        edges = self._map.with_edges if edges is None else edges
        hosted = [context for context in self.contexts if context.name in names]
        served = [edge for edge in self.edges if edge.context in edges]
        known = System(self.name, contexts=())
        findings = Findings()
        places = {name: place for name, place in self._places.items() if name in names}
        hosted += load_contexts(self.name, places, findings)
        places = {name: place for name, place in self._edge_places.items() if name in edges}
        served += load_edges(self.name, places, findings)
        findings.settle()
        known._all_places = self._all_places
        known._map = replace(
            self._map,
            contexts=tuple(hosted),
            elsewhere=tuple(name for name in self.names if name not in names),
            beside=tuple(context for context in self.contexts if context.name not in names),
            edges=tuple(served),
            edges_elsewhere=tuple(sorted(self._map.with_edges - {*edges})),
        )
        return known

    @asynccontextmanager
    async def connect(
        self,
        *,
        store: str = DEFAULT_STORE,
        parity: bool = False,
        topology: str | None = None,
        listeners: Iterable[Listener] = (),
    ) -> AsyncGenerator[Sender]:
        """Runs the whole system in this process and returns a `Sender`. At the end, drains and closes it.

        `store` is `sqlite:PATH`, `postgresql://USER@HOST/DATABASE` or `memory:`; `{context}` stands for the name of a
        context. With `parity`, every message makes a round trip through the codec, so that a message that could not
        travel between services fails here too.

        With `topology`, the path of a topology file, nothing runs in this process: it calls the services of the file.

        `listeners` receive the events of this process, beside the log. Each is a function of one parameter, whose
        annotation names classes of `remit.observability`. It is called on the event loop and must not block; only
        `LoopBlocked` comes from another thread.

        Raises `ModelError` with every finding, `ServiceError`, `StoreError`, `StoreUnavailable`, `ChannelError` and
        `ListenerError`.
        """
        from asyncio import get_running_loop

        from remit.hosting.assembly import assemble, connect_to_services
        from remit.hosting.read_models import looking_after

        if topology is not None:
            async with connect_to_services(self.model(), topology, listeners, self._load) as sender:
                yield sender
            return
        host = assemble(self.hosting().model(), store=store, parity=parity, listeners=listeners)
        try:
            await host.start()
            self._running.append((get_running_loop(), host))
            async with looking_after(host):
                yield host
        finally:
            self._running = [running for running in self._running if running[1] is not host]
            await host.stop()

    def _load(self, names: Collection[str]) -> Model:
        return self.hosting(names).model()

    @contextmanager
    def connect_sync(
        self,
        *,
        store: str = DEFAULT_STORE,
        parity: bool = False,
        topology: str | None = None,
        listeners: Iterable[Listener] = (),
    ) -> Generator[SyncSender]:
        """Like `connect`, for code without an event loop: the system runs in a thread of its own.

        In a process that was forked off, every call raises `CallError`, and the end does nothing.
        """
        from remit.hosting.loop_thread import LoopThread

        thread = LoopThread()
        connection = self.connect(store=store, parity=parity, topology=topology, listeners=listeners)
        try:
            sender = thread.run(connection.__aenter__())
            try:
                yield SyncSender(thread, sender)
            finally:
                if not thread.is_elsewhere:
                    thread.run(connection.__aexit__(None, None, None))
        finally:
            thread.close()

    def outbox(self, context: Context[Any] | str, *, schema: str | None = None) -> Outbox:
        """The outbox of a context, for code that has its own transaction on a connection that is awaited.

        The system need not run in this process. The store of the context must be in the PostgreSQL database of the
        connection, in the schema named like the context or in `schema`.

        Raises `ModelError` with every finding, and `OutboxError` for a context that the system does not have.
        """
        return self._outbox(Outbox, context, schema)

    def outbox_sync(self, context: Context[Any] | str, *, schema: str | None = None) -> SyncOutbox:
        """Like `outbox`, for a connection that is not awaited."""
        return self._outbox(SyncOutbox, context, schema)

    def _outbox(self, kind: type[AnyOutbox], context: Context[Any] | str, schema: str | None) -> AnyOutbox:
        from remit.hosting.outbox_rows import OutboxRows  # declaring a system loads nothing of logs and stores

        name = context if isinstance(context, str) else context.name
        if name not in self.names:
            raise OutboxError(
                f"{self.name} has no context {name!r}", where=f"System({self.name!r})",
                expected=one_of(self.names, "a context of the system, which has none"),
                next="outbox(<context or its name>)",
            )  # fmt: skip
        model = (self.hosting([name], edges=()) if self._map.elsewhere else self).model()
        owner = next(each for each in model.contexts if each.name == name)
        return kind(OutboxRows(model, owner, schema or name, partial(self._stir, name)))

    def _stir(self, context: str) -> None:
        """Called from any thread."""
        for loop, host in self._running:
            with suppress(RuntimeError):  # the loop has just ended
                loop.call_soon_threadsafe(host.stir, context)


class SyncSender:
    """`Sender` for code without an event loop. Each method blocks until the outcome."""

    def __init__(self, thread: LoopThread, sender: Sender) -> None:
        self._thread = thread
        self._sender = sender

    def send(self, command: Command[R, Any], /, *, deadline: float | None = None, key: str | None = None) -> R:
        """See `Sender.send`."""
        return self._thread.run(self._sender.send(command, deadline=deadline, key=key))

    def ask(
        self, query: Query[R, Any], /, *, deadline: float | None = None, fresh: bool | str = False, after: str = ""
    ) -> R:
        """See `Sender.ask`."""
        return self._thread.run(self._sender.ask(query, deadline=deadline, fresh=fresh, after=after))

    @overload
    def attempt(self, message: Command[R, E], /, *, deadline: float | None = None, key: str | None = None) -> R | E: ...
    @overload
    def attempt(self, message: Query[R, E], /, *, deadline: float | None = None, key: str | None = None) -> R | E: ...
    def attempt(self, message: Any, /, *, deadline: float | None = None, key: str | None = None) -> Any:
        """See `Sender.attempt`."""
        attempt: Coroutine[Any, Any, Any] = self._sender.attempt(message, deadline=deadline, key=key)
        return self._thread.run(attempt)
