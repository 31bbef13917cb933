"""The web shop as a workspace: its sources can be imported, and all of its distributions are installed once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.checkout.workspace import build, install, members, sources

sys.path += [each for each in sources() if each not in sys.path]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which all distributions are installed, from their wheels."""
    folder = tmp_path_factory.mktemp("webshop")
    return install([build(member, folder / "wheels") for member in members()], folder / "site")


@pytest.fixture
def installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry points of the distributions are found in this process. Modules are imported from the sources."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(site)])
