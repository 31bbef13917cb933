"""A PostgreSQL server for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.postgres import given_or_started


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a server that runs all the time."""
    with given_or_started() as address:
        yield address
