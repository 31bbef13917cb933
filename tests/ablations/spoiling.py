"""Spoils this process: nothing here is part of the product, and no setting of the product does any of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from tests.ablations import disturbances, layers

__all__ = ["spoil"]


def spoil(names: Iterable[str]) -> None:
    """Does what functions of these names do. Raises `AttributeError` where there is nothing of that name."""
    patch = pytest.MonkeyPatch()
    for name in names:
        where = disturbances if hasattr(disturbances, name) else layers
        work: Callable[[pytest.MonkeyPatch], None] = getattr(where, name)
        work(patch)
