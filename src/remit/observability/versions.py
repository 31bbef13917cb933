"""Which version of each read model is live, what is kept to go back to, and whether the code has changed since."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from remit.runtime.plan import ContextPlan
from remit.runtime.streams import shape_in
from remit.stores import LiveVersions, Store, load_versions
from remit.stores.versions import KEPT_SECONDS, name_in, shown_in


class ModelVersions(msgspec.Struct, frozen=True, kw_only=True):
    """The versions of one read model. Times are in seconds since the epoch."""

    model: str
    live: int
    """The version that answers queries. It is 1 until the first rebuild."""
    building: int | None = None
    """The version that a rebuild makes, or was interrupted in."""
    old: int | None = None
    """The version that was live before, as long as `remit rebuild --back` can switch to it."""
    kept_until: float | None = None
    """When a service deletes that."""
    building_parked: int = 0
    """How many keys are parked in the version that a rebuild makes."""
    old_parked: int = 0
    """How many are in the one that was live before."""
    changed: bool = False
    """Whether other code has folded the live version than this program has."""


class OtherVersion(NamedTuple):
    """A version of a read model that is not live."""

    model: str
    told: str
    """What it is, for people."""


async def other_versions(store: Store) -> dict[str, OtherVersion]:
    """The versions of read models in a store that are being built, are kept to go back to, or are about to be deleted,
    by the names under which their parked keys are shown. Raises `StoreError` and `StoreUnavailable`."""
    found: dict[str, OtherVersion] = {}
    for model, versions in (await LiveVersions(store).versions()).items():
        told = dict.fromkeys(versions.dropped, "which a service will delete")
        if versions.building:
            told[versions.building] = "being built, or its rebuild was interrupted"
        if versions.old:
            until = f"{datetime.fromtimestamp(versions.switched + KEPT_SECONDS, UTC):%Y-%m-%d %H:%M:%SZ}"
            told[versions.old] = f"kept for remit rebuild --back until {until}"
        for number, what in told.items():
            found[shown_in(model, number)] = OtherVersion(model, f"version {number} of {model}, {what}")
    return found


async def read_versions(plans: Mapping[str, ContextPlan], stores: Mapping[str, Store]) -> list[ModelVersions]:
    """The versions of the read models of these contexts. `stores` are open, by context. A context that is missing in
    `stores` has not run yet. Raises `StoreError` and `StoreUnavailable`."""
    found: list[ModelVersions] = []
    for context, store in stores.items():
        plan = plans[context]
        for projection in plan.projections.values():
            _, versions = await load_versions(store, projection.kind)
            known, folds = versions.shapes.get(versions.live), plan.folds_of(projection)
            made = ModelVersions(
                model=projection.kind, live=versions.live, building=versions.building or None,
                old=versions.old or None, kept_until=versions.switched + KEPT_SECONDS if versions.old else None,
                changed=known is not None and known != shape_in(folds),
                building_parked=await _parked(store, projection.kind, versions.building),
                old_parked=await _parked(store, projection.kind, versions.old),
            )  # fmt: skip
            found.append(made)
    return found


async def _parked(store: Store, model: str, version: int) -> int:
    """How many keys are parked in a version; 0 for the version 0, which is none."""
    if not version:
        return 0
    ids = [id for id in await store.parking() if id.name == name_in(model, version)]
    return sum([await store.count_parked(id) for id in ids])
