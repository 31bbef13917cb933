"""The reader of SQL finds each table, wherever it may stand, and takes no other word for one."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from remit.stores.sql_forms import looks_like_sql
from remit.stores.sql_text import leaves_schema, tables_in, unseen_in
from remit.stores.sql_tokens import tokens_of


@pytest.mark.parametrize(
    "text",
    [
        "SELECT '--' AS x, n FROM sales.orders",
        "SELECT n FROM a WHERE note LIKE '/*%' AND id IN (SELECT id FROM sales.orders) AND '*/' = ''",
        "SELECT E'it\\'s', n FROM sales.orders WHERE x = 'a'",
        "SELECT $$ -- $$, a FROM sales.orders",
        'SELECT "a--b", x FROM sales.orders',
        "WITH orders AS (SELECT * FROM sales.orders WHERE paid) SELECT * FROM orders",
        "SELECT * FROM (sales.orders o JOIN a ON true)",
        "SELECT * FROM(sales.orders)",
        "SELECT * FROM generate_series(1, 3) g, sales.orders",
        "SELECT * FROM a AS i(x, y), sales.orders o",
        "SELECT * FROM (SELECT 1) s, sales.orders o",
        "SELECT * FROM a JOIN b ON true, sales.orders",
        "SELECT * FROM a JOIN LATERAL (SELECT 1) q ON true, sales.orders",
        "SELECT * FROM a TABLESAMPLE system(1), sales.orders",
        "UPDATE a SET x = 1 FROM (SELECT 1) x, sales.orders i",
        'SELECT * FROM"sales"."orders"',
        'SELECT * FROM U&"\\0073ales".orders',
        "SELECT * FROM ONLY (sales.orders)",
        "SELECT * FROM sales/**/.orders",
        "SELECT * FROM [sales].[orders]",
        "SELECT 1 " + " " * 100_001 + " FROM sales.orders",
        "SELECT 1 FROM " + "a, " * 50_001 + "sales.orders",
        "DELETE FROM a USING sales.orders",
        "MERGE INTO a USING sales.orders ON x",
        "UPDATE OR IGNORE sales.orders SET a = 1",
        "INSERT INTO sales.orders (a, b) VALUES (1, 2)",
        "INSERT INTO a TABLE sales.orders",
        "TRUNCATE a, sales.orders",
        "LOCK TABLES a READ, sales.orders READ",
        "CREATE TABLE x (LIKE sales.orders)",
        "CREATE TABLE x (a int REFERENCES sales.orders (id))",
        "CREATE INDEX i ON sales.orders (id)",
        "REFRESH MATERIALIZED VIEW sales.orders",
        "GRANT SELECT ON sales.orders TO x",
        "EXPLAIN ANALYZE SELECT * FROM sales.orders",
        "SELECT 1 AS a$b$, x FROM sales.orders WHERE c$b$ = 1",
        "SELECT /* /* */ ' */ * FROM sales.orders -- '",
        "SELECT 1 -- a\r FROM sales.orders",
        "BEGIN; SELECT * FROM sales.orders; COMMIT",
        "# get\nSELECT * FROM sales.orders",
        "SELECT * FROM a WHERE EXISTS (TABLE sales.orders)",
        "CREATE TRIGGER t AFTER INSERT OR UPDATE OF a ON sales.orders EXECUTE FUNCTION f()",
        "CREATE RULE r AS ON INSERT TO sales.orders DO NOTHING",
        "CREATE TABLE x () INHERITS (a, sales.orders)",
        "CREATE TABLE x PARTITION OF sales.orders DEFAULT",
        "USE db; SELECT * FROM sales.orders",
        "PRAGMA foreign_keys = on; DELETE FROM sales.orders",
        "ATTACH DATABASE 'x' AS y; SELECT * FROM sales.orders",
        "DO $$ BEGIN DELETE FROM sales.orders; END $$",
        "SELECT * FROM a CROSS APPLY sales.orders",
        "VACUUM sales.orders",
        "select a, count(*) from sales.orders o group by a",
        "select case when a then b else c end from sales.orders as o where x",
        "delete a from a join sales.orders using (id)",
        "update a x set b = 1 from sales.orders",
        "insert into sales.orders select 1",
        "create table if not exists sales.orders (id int)",
        "alter table sales.orders add column x int",
        "drop table if exists a, sales.orders cascade",
        "from sales.orders o where o.paid is null",
        "SELECT * FROM unnest(ARRAY[1]) WITH ORDINALITY AS u, sales.orders",
        "SELECT * FROM a JOIN b ON a.t = b.t::timestamp with time zone, sales.orders",
        "DELETE FROM a USING unnest(ARRAY[1]) WITH ORDINALITY u(i, j), sales.orders s WHERE true",
        "UPDATE a SET x = 1 FROM unnest(ARRAY[1]) WITH ORDINALITY u(i, j), sales.orders s",
        "WITH RECURSIVE x (a) AS NOT MATERIALIZED (SELECT 1) SELECT * FROM x, sales.orders",
        "SELECT * FROM (SELECT 1 FROM a ORDER BY 1 FETCH FIRST 1 ROWS WITH TIES) b, sales.orders",
        "SELECT nextval('sales.orders')",
    ],
)
def test_a_table_is_found_wherever_it_stands(text: str) -> None:
    assert looks_like_sql(text)
    assert ("sales", "orders") in tables_in(text)


@pytest.mark.parametrize("function", ["schema_to_xml", "schema_to_xmlschema", "schema_to_xml_and_xmlschema"])
def test_a_function_that_reads_a_whole_schema_names_all_of_its_tables(function: str) -> None:
    text = f"SELECT {function}('Sales', true, false, '')"
    assert (tables_in(text), unseen_in(text)) == ([("sales", "*")], [])
    assert unseen_in(f"SELECT {function}($1, true, false, '')") == [function]


def test_the_body_of_a_block_is_read() -> None:
    assert tables_in("DO $$ BEGIN DELETE FROM sales.orders; END $$") == [("sales", "orders")]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT extract(year FROM orders) FROM a",
        "SELECT trim(both FROM orders) FROM a",
        "SELECT a IS NOT DISTINCT FROM orders FROM a",
        "SELECT $$ FROM orders $$, 'FROM orders' FROM a -- , orders",
        "WITH RECURSIVE orders (n) AS (SELECT 1 UNION SELECT n FROM orders) SELECT * FROM orders, a",
        "WITH b AS (SELECT 1 FROM a), orders AS MATERIALIZED (SELECT 1) SELECT * FROM a, orders o",
        "INSERT INTO a VALUES (1) ON CONFLICT (a) DO UPDATE SET orders = 1",
        "SELECT x FROM a WHERE b = 1 ORDER BY a, orders FOR UPDATE OF orders",
        "UPDATE a SET b = 1, orders = 2",
        "REVOKE SELECT ON a FROM orders",
        "GRANT SELECT ON a TO orders",
        "CREATE TRIGGER orders AFTER UPDATE OF orders ON a EXECUTE FUNCTION f()",
        "SELECT * FROM a, orders(1) o JOIN a USING (orders)",
    ],
)
def test_other_words_are_no_tables(text: str) -> None:
    assert [parts for parts in tables_in(text) if parts == ("orders",)] == []
    assert tables_in(text)[:1] == [("a",)]


@pytest.mark.parametrize(
    "text",
    [
        "Select an item from orders",
        "Select from orders",
        "Delete from orders list",
        "Update orders set, please",
        "with love as (orders)",
        "Copy orders to the clipboard",
        "from orders where we learn",
        "References orders",
        "lock on orders",
        "create an index on orders",
        "join orders on monday",
        "Insert coins into orders",
        "Drop in on orders",
        "Truncate orders text",
        "Select an item from orders.",
        "select an item from orders",
        "select one of the items from orders",
        "select a slot from orders and mail it",
        "Select a drug from orders.",
        "Select customers from orders (optional)",
        "insert into orders failed",
        "Insert into orders failed: %s",
        "insert or update orders",
        "Delete all rows from orders.",
        "delete old rows from orders table",
        "Delete rows from orders?",
        "Update orders and set status = paid.",
        "update orders: set status = paid",
        "Create table orders first.",
        "create table orders if missing",
        "create index of orders on a disk",
        "drop table for orders",
        "Drop table orders failed: {}",
        "alter view of orders",
        "copy from orders to 'file'",
        "lock tables: orders",
        "grant access on orders to the team",
        "revoke the right on orders from them",
        "comment on orders to the team",
        "explain how to select items from orders",
        "call the team and select a from orders",
        "from orders where price is high",
        "join orders on the list",
        "left join of orders on (id)",
        "",
        ";" * 10_000,
    ],
)
def test_a_sentence_is_no_statement(text: str) -> None:
    assert not looks_like_sql(text)


@pytest.mark.parametrize("text", ["Select * from orders", "Select id from orders where id = 1", "select a from orders"])
def test_a_statement_may_begin_with_a_capital_letter(text: str) -> None:
    assert looks_like_sql(text)


@pytest.mark.parametrize(
    ("text", "leaves"),
    [
        ("SET LOCAL search_path TO sales", True),
        ('set "search_path" = sales', True),
        ("SET SCHEMA 'sales'", True),
        ("SELECT set_config('search_path', 'sales', true)", True),
        ("SELECT set_config($1, 'sales', true)", True),
        ("DO $$ BEGIN SET search_path = sales; END $$", True),
        ("SELECT set_config('app.user', $1, true)", False),
        ("SELECT 'SET search_path' FROM orders", False),
        ("UPDATE orders SET a = 1", False),
        ("SHOW search_path", False),
    ],
)
def test_a_change_of_the_search_path_is_known(text: str, leaves: bool) -> None:  # a parameter of pytest
    assert leaves_schema(text) is leaves


@pytest.mark.parametrize("text", ["Select items from orders", "select an item from orders"])
def test_a_text_that_is_run_is_no_sentence(text: str) -> None:
    assert looks_like_sql(text, is_run=True)
    assert not looks_like_sql(text)


def test_quotes_of_dollars_that_are_not_closed_are_each_looked_for_once() -> None:
    class Text(str):
        """Counts how often something is looked for."""

        __slots__ = ()
        looked = 0

        def find(self, *given: Any) -> int:
            Text.looked += 1
            return super().find(*given)

    text = Text("SELECT " + " ".join(f"$t{number}$" for number in range(500)) + " $$a$$ $b$c$b$ $d$")
    kinds = Counter(token.kind for token in tokens_of(text))
    assert (kinds["mark"], kinds["body"]) == (501, 2)
    assert Text.looked == 3
