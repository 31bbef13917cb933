"""The distributions of the web shop: where their sources are, and how they are built and installed."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from hatchling.build import build_wheel

from learning.process import EXAMPLES

WEBSHOP = EXAMPLES / "checkout"
CONTEXTS = ("checkout", "fulfilment", "identity", "inventory")


def members() -> list[Path]:
    """The folder of each distribution of the workspace."""
    lines = (WEBSHOP / "workspace.txt").read_text().splitlines()
    return [WEBSHOP / line.removeprefix("-e ") for line in lines if line.startswith("-e ")]


def sources() -> list[str]:
    """The folders that hold the packages, as they would be on `sys.path` if all were installed editable."""
    return [str(member / "src") for member in members()]


def build(project: Path, into: Path) -> Path:
    """Builds the wheel of a distribution, as `pip wheel` does."""
    into.mkdir(parents=True, exist_ok=True)
    with contextlib.chdir(project):
        return into / str(build_wheel(str(into)))


def install(wheels: Iterable[Path], target: Path) -> Path:
    """Installs wheels into a folder, without what they depend on."""
    pip_install(sys.executable, "--no-deps", "--target", str(target), *map(str, wheels))
    return target


def pip_install(python: str, *arguments: str) -> None:
    """Installs into the environment of an interpreter that knows pip, without the network."""
    options = ["--quiet", "--no-index", "--no-compile", "--disable-pip-version-check", "--root-user-action=ignore"]
    subprocess.run([python, "-m", "pip", "install", *options, *arguments], check=True)
