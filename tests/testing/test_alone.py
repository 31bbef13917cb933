"""One context alone: its neighbours are doubles, which are held to their published language."""

import asyncio
import re
from functools import partial
from typing import Any

import pytest

from learning.billing.api import ConfirmInvoice, InvoiceId
from learning.enrollment.api import Enroll
from learning.enrollment.api import StudentEnrolled as Other
from learning.enrollment.handlers import enrollment
from learning.ids import CourseId, EnrollmentId, StudentId
from learning.system import platform
from remit import IntegrationEvent
from remit.errors import HandlerFailed
from remit.testing import Double, KitError, MovableClock, VirtualLoop, alone
from tests.testing.library import (
    Ban,
    Banned,
    BookId,
    BookLent,
    Fees,
    GiveBack,
    Lend,
    Lent,
    LoansOf,
    MayBorrow,
    MemberBanned,
    NotWelcome,
    ReaderBanned,
    ReaderId,
    Remind,
    Undeclared,
    lending,
    library,
    notices,
    readers,
)

ADA, MOBY = ReaderId("ada"), BookId("moby-dick")
LEND = Lend(book=MOBY, reader=ADA)
BANNED = ReaderBanned(reader=ADA, reason="noise")


def test_a_context_runs_alone_and_its_double_answers_what_it_calls() -> None:
    double = Double(readers).on(MayBorrow).answers(True)
    with alone(lending, of=library, doubles=[double]) as app:
        app.send(LEND)
        assert [event.book for event in app.recorded(Lent)] == [MOBY]
        assert app.published(BookLent) == [BookLent(book=MOBY, reader=ADA)]
        assert app.sent(Remind) == [Remind(reader=ADA, book=MOBY)]
        assert app.ask(LoansOf(reader=ADA), fresh=True) == [MOBY]
        assert double.received(MayBorrow) == [MayBorrow(reader=ADA)]
        assert double.received(Ban) == []


def test_a_double_refuses_as_declared_and_may_change_its_mind() -> None:
    double = Double("readers").on(MayBorrow).answers(NotWelcome(reason="banned"))
    with alone(lending, of=library, doubles=[double]) as app:
        assert app.attempt(LEND) == NotWelcome(reason="banned")
        double.on(MayBorrow).answers(lambda query: query.reader == "ada")
        assert isinstance(app.attempt(LEND), str)


def test_events_of_a_neighbour_are_injected_and_handled_as_from_there() -> None:
    with alone(lending, of=library) as app:
        app.inject(BANNED, BANNED.replace(reason="fire"), BANNED)
        assert [event.reason for event in app.recorded(Banned, key="ada")] == ["noise", "fire", "noise"]


def test_a_double_publishes_only_what_it_says() -> None:
    with alone(lending, of=library, doubles=[Double(readers, publishes=[])]) as app:
        with pytest.raises(KitError, match="the double of readers does not publish ReaderBanned"):
            app.inject(BANNED)
        with pytest.raises(KitError, match="BookLent belongs to no context that publishes to this one"):
            app.inject(BookLent(book=MOBY, reader=ADA))
    with alone(lending, of=library, doubles=[Double(readers, publishes=[ReaderBanned])]) as app:
        app.inject(BANNED)
        assert len(app.recorded(Banned)) == 1


class Gossip(IntegrationEvent, version=1):
    reader: ReaderId


@pytest.mark.parametrize(
    ("double", "said"),
    [
        (Double("books"), "books is no neighbour of lending"),
        (Double(lending), "lending is no neighbour of lending"),
        (Double(notices).on(MayBorrow).answers(True), "MayBorrow is not what notices handles"),
        (Double(readers, publishes=[Gossip]), "Gossip is not what readers publishes"),
        (Double(readers, publishes=[BookLent]), "BookLent is not what readers publishes"),
    ],
)
def test_a_double_that_says_what_its_published_language_does_not_have_is_refused_at_start(
    double: Double, said: str
) -> None:
    with pytest.raises(KitError, match=said), alone(lending, of=library, doubles=[double]):
        pass


def answer_with(answer: Any, query: MayBorrow) -> Any:
    return answer


def test_a_reply_of_another_type_and_an_undeclared_refusal_fail_the_test() -> None:
    with pytest.raises(KitError, match="MayBorrow is answered with 'yes'"):
        Double(readers).on(MayBorrow).answers("yes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # the mistake to be found
    with pytest.raises(KitError, match="which it does not declare"):
        Double(readers).on(MayBorrow).answers(Undeclared())
    wrong: list[Any] = ["yes", Undeclared()]
    for answer in wrong:
        double = Double(readers).on(MayBorrow).answers(partial(answer_with, answer))
        with alone(lending, of=library, doubles=[double]) as app:
            with pytest.raises(KitError, match="MayBorrow is answered with") as error:
                app.send(LEND)
            assert isinstance(error.value.__cause__, HandlerFailed)


def test_a_call_that_no_double_answers_fails_the_test() -> None:
    for doubles in ([], [Double(readers)]):
        with alone(lending, of=library, doubles=doubles) as app, pytest.raises(KitError, match=r"readers\.MayBorrow"):
            app.send(LEND)


def test_what_a_double_raises_by_itself_fails_the_test() -> None:
    def fail(query: MayBorrow) -> bool:
        raise ZeroDivisionError

    with (
        alone(lending, of=library, doubles=[Double(readers).on(MayBorrow).answers(fail)]) as app,
        pytest.raises(ZeroDivisionError),
    ):
        app.send(LEND)


def test_a_context_that_needs_no_neighbour_needs_no_double() -> None:
    with alone(readers, of=library) as app:
        app.send(Ban(reader=ADA, reason="noise"))
        assert app.published(ReaderBanned) == [BANNED]
        assert app.recorded(MemberBanned) == [MemberBanned(reader=ADA, reason="noise")]


def test_a_service_is_replaced_in_a_context_alone() -> None:
    asked: list[int] = []

    class Free(Fees):
        def cents(self, days: int) -> int:
            asked.append(days)
            return 0

    double = Double(readers).on(MayBorrow).answers(True)
    with alone(lending, of=library, doubles=[double]).provide(Fees, Free) as app:
        app.send(LEND)
        app.send(GiveBack(book=MOBY))
    assert asked == [3]


def test_neighbours_are_known_by_what_their_modules_say_where_a_system_only_names_them() -> None:
    asked = ConfirmInvoice(enrollment=EnrollmentId("e-1"), student=StudentId("ada"), course=CourseId("c"))
    billing = Double("billing", publishes=[]).on(ConfirmInvoice).answers(InvoiceId("i-1"))
    with alone(enrollment, of=platform, doubles=[billing]) as app:
        app.send(Enroll(enrollment=EnrollmentId("e-1"), student=StudentId("ada"), course=CourseId("c")))
    assert asked in billing.received(ConfirmInvoice)
    for double in (
        Double("learning").on(ConfirmInvoice).answers(InvoiceId("i-1")),
        Double("billing", publishes=[Other]),
    ):
        with (
            pytest.raises(KitError, match=f"is not what {double.name}"),
            alone(enrollment, of=platform, doubles=[double]),
        ):
            pass


def test_an_async_test_runs_a_context_alone_on_a_virtual_loop() -> None:
    clock = MovableClock()

    async def test() -> None:
        double = Double(readers).on(MayBorrow).answers(True)
        async with alone(lending, of=library, doubles=[double], clock=clock) as app:
            await app.send(LEND)
            assert len(await app.recorded(Lent)) == 1

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
        runner.run(test())


def test_errors_say_what_to_write() -> None:
    with alone(lending, of=library) as app, pytest.raises(KitError) as error:
        app.send(LEND)
    assert re.search(r"Next: doubles=\[Double\('readers'\)\.on\(MayBorrow\)\.answers\(", str(error.value))
