"""Statements name tables of their own context, and those that a shared kernel lists: no others."""

from __future__ import annotations

import pytest

from remit import Context
from remit.contexts import ContextMap, Relation, derive
from remit.errors import SqlError, TableNotCovered
from remit.relations import (
    AntiCorruptionLayer,
    Conformist,
    CustomerSupplier,
    OpenHost,
    Partnership,
    SeparateWays,
    SharedKernel,
)
from remit.runtime.work.reach import reaches_of
from remit.runtime.work.tables import Tables

SCHEMAS = {"sales": "sales", "billing": "Billing", "stock": ""}


def tables(*relations: Relation) -> Tables:
    """The tables of sales."""
    return Tables("sales", {schema.lower(): context for context, schema in SCHEMAS.items() if schema}, relations)


PARTNERS = Partnership("sales", "billing")
SHARED = SharedKernel("sales", "billing", package="shop.kernel", tables=["billing.currency", "public.country"])
OF_OTHERS = SharedKernel("billing", "stock", package="shop.kernel", tables=["public.rate"])


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM billing.invoice",
        'SELECT 1 FROM orders JOIN "Billing" . "invoice" i ON i.id = orders.id',
        "INSERT INTO billing.invoice VALUES ($1)",
        "WITH open AS (SELECT id FROM billing.invoice) SELECT * FROM open",
        "UPDATE orders SET paid = true FROM shop.billing.invoice WHERE true",
        "DELETE FROM billing.invoice -- sales.orders",
        "SELECT * FROM public.rate",
    ],
)
def test_statement_that_names_a_table_of_another_context_is_refused(statement: str) -> None:
    with pytest.raises(TableNotCovered) as caught:
        tables(SHARED, OF_OTHERS).require(statement)
    assert (caught.value.code, isinstance(caught.value, SqlError)) == ("sql.not-covered", True)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM orders",
        "SELECT * FROM sales.orders WHERE note = 'from billing.invoice'",
        "SELECT billing.amount FROM orders AS billing",
        "SELECT * FROM public.customer",
        "SELECT * FROM billing.currency",
        "SELECT * FROM public.country, orders",
        "no statement at all",
        "",
    ],
)
def test_statement_that_names_its_own_tables_and_shared_ones_is_run(statement: str) -> None:
    tables(SHARED, OF_OTHERS).require(statement)


@pytest.mark.parametrize(
    "relation",
    [
        CustomerSupplier(supplier="billing", customer="sales"),
        Conformist(upstream="billing", downstream="sales"),
        AntiCorruptionLayer(upstream="billing", downstream="sales", module="shop.layer"),
        OpenHost("billing"),
        Partnership("billing", "sales"),
        SharedKernel("billing", "sales", package="shop.kernel", tables=["billing.currency"]),
        SeparateWays("billing", "sales"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_no_relation_opens_the_tables_of_a_context_that_no_kernel_lists(relation: Relation) -> None:
    with pytest.raises(TableNotCovered):
        tables(relation).require("SELECT * FROM billing.invoice")


def test_refusal_names_the_table_its_owner_and_what_to_do() -> None:
    with pytest.raises(TableNotCovered) as caught:
        tables(PARTNERS).require("SELECT * FROM billing.currency")
    assert caught.value.what == "a statement of 'sales' names the table billing.currency of 'billing'"
    assert caught.value.next == "ask 'billing' by a query, or keep a copy from its events"


def test_statements_are_judged_once_and_a_refused_one_each_time() -> None:
    judged = tables(SHARED)
    for number in range(2500):
        judged.require(f"SELECT {number} FROM orders")
    for _ in range(2):
        with pytest.raises(TableNotCovered):
            judged.require("SELECT * FROM billing.invoice")


@pytest.mark.parametrize(
    ("relations", "schemas", "is_judged"),
    [([], SCHEMAS, False), ([PARTNERS], {}, False), ([PARTNERS], {"sales": ""}, False), ([PARTNERS], SCHEMAS, True)],
)
def test_statements_are_judged_where_relations_are_stated_and_stores_are_in_schemas(
    relations: list[Relation], schemas: dict[str, str], is_judged: bool
) -> None:
    model = derive(ContextMap(name="shop", contexts=(Context("sales"), Context("billing")), stated=tuple(relations)))
    reach = reaches_of(model, ["sales"], schemas).get("sales")
    assert (reach is not None and reach.tables is not None) is is_judged


def test_a_statement_that_changes_the_search_path_is_refused() -> None:
    with pytest.raises(TableNotCovered, match="search path"):
        tables(PARTNERS).require("SET LOCAL search_path TO billing")
