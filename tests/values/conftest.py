"""The system of `places.py`, running in each way in which it can, once for all tests of a module."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache

import pytest

from tests.servers.nats import nats_url
from tests.values.places import APART, ONE_PROCESS, World, running


@pytest.fixture(scope="package", params=[*ONE_PROCESS, *APART])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("values")
    with ExitStack() as stack:

        @cache
        def address(technology: str) -> str:
            if technology == "nats":
                return stack.enter_context(nats_url(folder))
            server: str = request.getfixturevalue("server")
            return server

        runner = stack.enter_context(asyncio.Runner())
        entered = running(request.param, folder, address)
        caller, keeper = runner.run(entered.__aenter__())
        yield World(request.param, runner, caller, keeper)
        runner.run(entered.__aexit__(None, None, None))
