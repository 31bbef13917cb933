"""Which version of each read model is live, what is kept to go back to, and whether the code has changed since."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from remit.runtime.plan import ContextPlan
from remit.runtime.streams import shape_in
from remit.stores import Store, load_versions
from remit.stores.versions import KEPT_SECONDS


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
    changed: bool = False
    """Whether other code has folded the live version than this program has."""


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
            )  # fmt: skip
            found.append(made)
    return found
