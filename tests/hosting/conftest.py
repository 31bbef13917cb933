"""Packages of its own for each test."""

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.checks.packages import Packages, packages_in


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Packages]:
    written = packages_in(tmp_path, monkeypatch)
    yield written
    written.forget()
