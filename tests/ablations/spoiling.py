"""Spoils a process: nothing here is part of the product, and no setting of the product does any of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from learning.process import EXAMPLES, Service
from tests.ablations import disturbances, layers

__all__ = ["spoil", "spoil_service"]

ROOT = Path(__file__).parents[2]
SITE = Path(__file__).with_name("site")


def spoil_service(service: Service, names: str, folder: Path) -> None:
    """The service will be spoilt by functions of these names when it starts. In the folder they keep what they must."""
    path = os.pathsep.join(map(str, [SITE, EXAMPLES, ROOT, *filter(None, [os.environ.get("PYTHONPATH")])]))
    service.environment |= {"PYTHONPATH": path, "ABLATION": names, "ABLATION_FOLDER": str(folder)}


def spoil(names: Iterable[str]) -> None:
    """Spoils this process by functions of these names. Raises `AttributeError` where there is none."""
    patch = pytest.MonkeyPatch()
    for name in names:
        where = disturbances if hasattr(disturbances, name) else layers
        work: Callable[[pytest.MonkeyPatch], None] = getattr(where, name)
        work(patch)
