"""A post office of its own for each test."""

from pathlib import Path

import pytest

from tests.cli.program import Office


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path / "data")
