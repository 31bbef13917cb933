"""The component `acl` in a process of its own, killed between acceptance and translation."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import asyncpg
import pytest

from tests.acl.apart import Shop, post
from tests.acl.payments import body_of
from tests.cli.program import DEADLINE


def survives(shop: Shop) -> None:
    with shop.running("payments"):
        shop.deadly.touch()
        with shop.running("hooks") as hooks:
            answer = post(hooks, body_of("e-1", "invoice.deadly", cents=5))
            assert answer in (202, 0)
            assert hooks.process.wait(DEADLINE) == -9
        code, row = shop.status()
        assert (code, row["lag"], row["state"]) == (1, 1, "silent")
        shop.deadly.unlink()
        with shop.running("hooks") as hooks:
            assert shop.paid() == [5]
            assert post(hooks, body_of("e-1", "invoice.deadly", cents=5)) == 200
            assert shop.paid() == [5]
            assert post(hooks, body_of("e-2", "odd \0 \u00e9 \U0001f600", cents=1)) == 202
            assert post(hooks, body_of("e-3", cents=3)) == 202
            assert shop.paid() == [5, 3]
        assert shop.status()[1]["parked"] == 0


@pytest.mark.timeout(90)
def test_message_that_was_accepted_survives_the_death_of_its_process(tmp_path: Path) -> None:
    survives(Shop(tmp_path, f"sqlite:{tmp_path}/{{context}}.db"))


@pytest.mark.timeout(120)
def test_message_in_postgresql_survives_as_well(tmp_path: Path, server: str) -> None:
    async def made() -> None:
        connection = await asyncpg.connect(server)
        with contextlib.suppress(asyncpg.DuplicateDatabaseError):
            await connection.execute("CREATE DATABASE acl_of_a_test")
        await connection.close()

    asyncio.run(made())
    survives(Shop(tmp_path, f"{server.rpartition('/')[0]}/acl_of_a_test"))


@pytest.mark.timeout(90)
def test_messages_are_accepted_while_the_rest_of_the_context_is_down(tmp_path: Path) -> None:
    shop = Shop(tmp_path, f"sqlite:{tmp_path}/{{context}}.db")
    with shop.running("hooks") as hooks:
        assert post(hooks, body_of("e-1", cents=7)) == 202
        with shop.running("payments"):
            assert shop.paid() == [7]
