"""The learning platform in one process, each context in a schema of PostgreSQL: the same scenarios and outcomes."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from learning.system import platform
from remit import Sender
from tests.learning.test_scenarios import (
    test_a_course_without_a_price_is_not_offered,
    test_a_poor_average_completes_nothing_until_it_is_made_better_and_then_scores_are_final,
    test_a_refused_payment_withdraws_the_enrollment_and_reaches_the_caller,
    test_a_withdrawal_is_refunded_and_frees_credit,
    test_an_enrollment_counts_once_billing_has_confirmed_the_invoice,
    test_an_identity_belongs_to_one_student_and_course_and_ends_with_the_withdrawal,
    test_good_scores_complete_the_course_and_a_numbered_certificate_follows,
    test_learning_refuses_what_is_not_open_closed_unknown_or_no_score,
    test_nobody_is_charged_for_an_enrollment_that_was_withdrawn_before_the_invoice,
    test_the_same_enrollment_twice_is_one_enrollment_with_one_invoice,
    test_the_third_course_is_cheaper_and_credit_has_an_end,
    test_what_a_crash_leaves_pending_the_reaction_settles,
)

__all__ = [
    "test_a_course_without_a_price_is_not_offered",
    "test_a_poor_average_completes_nothing_until_it_is_made_better_and_then_scores_are_final",
    "test_a_refused_payment_withdraws_the_enrollment_and_reaches_the_caller",
    "test_a_withdrawal_is_refunded_and_frees_credit",
    "test_an_enrollment_counts_once_billing_has_confirmed_the_invoice",
    "test_an_identity_belongs_to_one_student_and_course_and_ends_with_the_withdrawal",
    "test_good_scores_complete_the_course_and_a_numbered_certificate_follows",
    "test_learning_refuses_what_is_not_open_closed_unknown_or_no_score",
    "test_nobody_is_charged_for_an_enrollment_that_was_withdrawn_before_the_invoice",
    "test_the_same_enrollment_twice_is_one_enrollment_with_one_invoice",
    "test_the_third_course_is_cheaper_and_credit_has_an_end",
    "test_what_a_crash_leaves_pending_the_reaction_settles",
]

Connection = Any  # asyncpg.Connection takes its parameter in stubs only


@pytest.fixture
async def app(server: str, connection: Connection) -> AsyncIterator[Sender]:
    mark = uuid.uuid4().hex
    async with platform.connect(store=f"{server}?schema={{context}}_{mark}") as app:
        yield app
    for context in platform.contexts:
        await connection.execute(f"DROP SCHEMA {context.name}_{mark} CASCADE")
