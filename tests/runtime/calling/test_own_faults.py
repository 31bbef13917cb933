"""A caller is told what is wrong with the code of a handler, if `remit` finds it, and nothing of other errors."""

from __future__ import annotations

import pytest

from remit import Aggregate, Command, Context, Repository, Sql, System
from remit.errors import HandlerFailed
from remit.testing import running


class Tally(Aggregate[str]):
    count: int = 0


class Both(Command[None]): ...


class Run(Command[None]):
    statement: str


tills = Context("tills")


@tills.handle(Both)
async def both(command: Both, tallies: Repository[Tally]) -> None:
    for each in ("one", "two"):
        (await tallies.obtain(each)).count += 1


@tills.handle(Run)
async def run(command: Run, sql: Sql) -> None:
    await sql.execute(command.statement)


def told(command: Command[None]) -> str:
    with running(System("shop", contexts=[tills])) as app, pytest.raises(HandlerFailed) as failed:
        app.send(command)
    return failed.value.what


def test_two_written_aggregates_are_told() -> None:
    assert "SecondAggregate: " in told(Both())


@pytest.mark.parametrize("statement", ["PRAGMA user_version = 3", "ATTACH 'other.db' AS other"])
def test_statement_that_no_handler_may_use_is_told(statement: str) -> None:
    assert "handlers' statements may not use transactions, PRAGMA, ATTACH" in told(Run(statement=statement))


def test_vacuum_is_told() -> None:
    assert "VACUUM" in told(Run(statement="VACUUM"))


def test_other_failure_of_a_statement_is_not_told() -> None:
    """Its text may contain data."""
    assert told(Run(statement="SELECT secret FROM nowhere")) == "tills.Run failed in its handler"
