"""Looks after the read models of a process: notices that their code has changed, rebuilds those that are declared so,
and deletes versions that are no longer kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial

import msgspec

from remit.errors import RemitError
from remit.operations import Rebuild, with_archives
from remit.operations.retiring import forget_reports, retire
from remit.runtime import Host
from remit.runtime.failures import told
from remit.runtime.plan import FoldPlan, ProjectionPlan
from remit.runtime.streams import shape_in
from remit.stores import Store, Versions, load_versions, write_versions
from remit.stores.versions import KEPT_SECONDS

log = logging.getLogger("remit")

FIRST_SECONDS = 2.0
"""The first look comes so long after the start: a short script looks after nothing."""
LOOK_SECONDS = 60.0
"""Between two looks."""
PAGE = 200
"""Messages that are folded at a time: calls of the process hardly wait."""
PAUSE = 0.6
"""The share of the time in which a rebuild rests beside the calls of the process."""
LEASE_SECONDS = 20.0
"""How long others leave a rebuild to a process that does not renew its lease."""


@asynccontextmanager
async def looking_after(host: Host, *, first: float = FIRST_SECONDS, pause: float = PAUSE) -> AsyncGenerator[None]:
    """Looks after the read models of a started process, until the end. `first` is when it looks first, in seconds."""
    models = [
        (projection, follows)
        for place in host.shared.workplaces.values()
        for projection in place.plan.projections.values()
        if (follows := place.plan.folds_of(projection))  # otherwise another process folds it
        and host.stores[place.plan.name].technology.durable
    ]
    if not models:
        yield
        return
    task = asyncio.create_task(_look(host, models, first, pause), name="read models")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _look(host: Host, models: list[tuple[ProjectionPlan, list[FoldPlan]]], first: float, pause: float) -> None:
    cares = [_Care(host, *each, pause) for each in models]
    await asyncio.sleep(first)
    while True:
        for care in cares:
            try:
                await care.look()
            except RemitError:
                pass  # the store is away, or another process does it: the next look tries
            except Exception as error:  # noqa: BLE001  # whatever it is, read models are looked after to the end
                care.failed(error)
        await asyncio.sleep(LOOK_SECONDS)


class _Care:
    """Looks after one read model."""

    def __init__(self, host: Host, projection: ProjectionPlan, follows: list[FoldPlan], pause: float) -> None:
        context, _, _ = projection.kind.partition(".")
        declared = next(each for each in host.model.contexts if each.name == context)
        self._host, self._follows, self._name, self._pause = host, follows, projection.kind, pause
        self._store: Store = host.stores[context]
        self._shape = shape_in(follows)
        self._here = all(each.id.source in host.stores for each in follows)
        """Whether this process can open the logs that it is rebuilt from."""
        self._at_start = projection.type in declared.rebuilt_at_start and self._here
        self._told = ""

    async def look(self) -> None:
        """Raises the errors of the store, `Conflict`, and `CannotRebuild`."""
        expected, versions = await load_versions(self._store, self._name)
        known = versions.shapes.get(versions.live)
        if known is None:
            shapes = {**versions.shapes, versions.live: self._shape}
            await write_versions(self._store, self._name, expected, msgspec.structs.replace(versions, shapes=shapes))
        elif known != self._shape:
            await self._changed(versions)
        now = self._host.ports.clock.seconds()
        old = bool(versions.old) and now - versions.switched > KEPT_SECONDS
        if versions.dropped or old:
            await self._alone(partial(self._retire, old=old))
        if versions.highest > 1:
            await forget_reports(self._host.stores, self._name, self._follows, before=now - KEPT_SECONDS)

    def failed(self, error: Exception) -> None:
        """Tells of an error that nobody expects. The next look tries again."""
        self._tell(f"{self._name} could not be looked after: {told(error)}", error)

    async def _changed(self, versions: Versions) -> None:
        # A fingerprint that a version has had is that of an earlier release, which must not take the place of this one.
        earlier = any(shape == self._shape for number, shape in versions.shapes.items() if number != versions.building)
        if self._at_start and not earlier:
            await self._alone(self._rebuild)
            return
        back = " --back" if versions.old and versions.shapes.get(versions.old) == self._shape else ""
        self._tell(f"other code has folded {self._name} (version {versions.live}) than this process has: "
                   f"remit rebuild SYSTEM {self._name}{back}")  # fmt: skip

    async def _rebuild(self) -> None:
        stores, folder = self._host.stores, self._host.archives
        logs = (
            None
            if folder is None
            else with_archives({each.id.source: stores[each.id.source] for each in self._follows}, folder)
        )
        work = Rebuild(self._host.model, self._name, stores, logs=logs)
        log.info("%s has changed: it is rebuilt", self._name)
        try:
            done = await work.build(pause=self._pause, page=PAGE)
        except RemitError as error:
            self._tell(f"{self._name} could not be rebuilt: {error}")
            raise
        log.info("%s: version %d is live", self._name, done.version)

    async def _retire(self, *, old: bool) -> None:
        await retire(self._store, self._name, self._follows, old=old)

    async def _alone(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        """Does work under a lease, unless another process does it."""
        lease = f"{self._name} versions"
        if not await self._take(lease):
            return
        task = asyncio.create_task(work(), name=lease)
        try:
            while not (await asyncio.wait([task], timeout=LEASE_SECONDS / 4))[0]:
                if not await self._take(lease):
                    return
            await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self._store.lease(self._host.process, [lease], now=0.0, until=0.0)

    async def _take(self, lease: str) -> bool:
        now = self._host.ports.clock.seconds()
        await self._store.lease(self._host.process, [lease], now=now, until=now + LEASE_SECONDS)
        return (await self._store.leases()).get(lease, ("",))[0] == self._host.process

    def _tell(self, what: str, error: Exception | None = None) -> None:
        """Logs something once, with the traceback of an error."""
        if what != self._told:
            self._told = what
            log.log(logging.WARNING if error is None else logging.ERROR, "%s", what, exc_info=error)
