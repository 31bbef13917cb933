"""Which texts of SQL begin or end a transaction."""

import pytest

from remit.stores.sql_ends import ends_transaction


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("COMMIT", "COMMIT"),
        ("  -- why\n/* a /* b */ */ Rollback And Chain", "ROLLBACK"),
        ("rollback work", "ROLLBACK"),
        ("end", "END"),
        ("ABORT", "ABORT"),
        ("BEGIN", "BEGIN"),
        ("start transaction", "START"),
        (";;commit", "COMMIT"),
        ("SELECT ';'; SELECT $$;$$; commit prepared 'x'", "COMMIT"),
        ("PREPARE TRANSACTION 'x'", "PREPARE"),
        ("SELECT CASE WHEN true THEN 1 END; END", "END"),
        ("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; END; COMMIT", "COMMIT"),
    ],
)
def test_text_that_begins_or_ends_a_transaction(text: str, word: str) -> None:
    assert ends_transaction(text) == word


@pytest.mark.parametrize(
    "text",
    [
        "", ";", "SELECT 1", "SAVEPOINT a", "RELEASE SAVEPOINT a", "ROLLBACK TO a", "rollback work to savepoint a",
        "ROLLBACK TRANSACTION TO a", "SELECT '; COMMIT'", "SELECT 1 -- ; COMMIT", 'SELECT 1 AS "commit"',
        "SELECT 1 /* ; COMMIT; */", "DO $$ BEGIN PERFORM 1; END $$", "PREPARE plan AS SELECT 1",
        "SELECT CASE WHEN true THEN 1 END", "INSERT INTO a SELECT 1; UPDATE a SET b = 2",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 1 END; SELECT 2; END",
    ],
)  # fmt: skip
def test_text_that_leaves_the_transaction_as_it_is(text: str) -> None:
    assert ends_transaction(text) == ""
