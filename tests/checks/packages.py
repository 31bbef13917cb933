"""Packages that a test writes and imports: contexts that are at home in modules, as those of users are."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest


class Packages:
    """Files below a folder that is searched first, and the modules that are imported of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, files: Mapping[str, str]) -> None:
        """Files by their paths."""
        for path, text in files.items():
            file = self.folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(dedent(text).lstrip("\n"), encoding="utf-8")

    def imported(self, files: Mapping[str, str], module: str = "stall") -> Any:
        """The module of this name, once these files are written."""
        self.write(files)
        return self.module(module)

    def module(self, name: str) -> Any:
        """One of the modules. They may hold anything."""
        importlib.invalidate_caches()
        return importlib.import_module(name)

    def forget(self) -> None:
        """Takes out of the interpreter what was imported of them."""
        for name in [each for each in sys.modules if each.partition(".")[0] == "stall"]:
            del sys.modules[name]


def packages_in(folder: Path, patch: pytest.MonkeyPatch) -> Packages:
    """Packages in a folder that is searched until the test ends."""
    patch.setattr(sys, "path", [str(folder), *sys.path])
    return Packages(folder)
