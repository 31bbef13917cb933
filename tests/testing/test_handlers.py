"""given, when, then, for handlers: what they ask for is in memory, and no system runs."""

import asyncio
import contextlib
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from remit import (
    Clock,
    Command,
    Context,
    Events,
    Ids,
    IntegrationEvent,
    Query,
    Record,
    Records,
    Refusal,
    Repository,
    Sql,
)
from remit.errors import DeadlineExceeded, NotFound
from remit.testing import KitError, MovableClock, given
from tests.testing.library import (
    Banned,
    Blocked,
    BookId,
    BookLent,
    BookReturned,
    Copy,
    Fees,
    GiveBack,
    Lend,
    Lent,
    Loans,
    LoansOf,
    MayBorrow,
    NotWelcome,
    OnLoan,
    ReaderBanned,
    ReaderId,
    Remind,
    Reminders,
    Returned,
    Undeclared,
    block,
    give_back,
    lend,
    lending,
    loans_of,
    notices,
    readers,
    remind,
    wait_a_while,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=14)
MOBY, ADA, BOB = BookId("moby-dick"), ReaderId("ada"), ReaderId("bob")
FIRST = "1".rjust(32, "0")
LENT = Lent(loan=FIRST, book=MOBY, reader=ADA, until=LATER)
ON_LOAN = Copy(id=MOBY, reader=ADA, until=LATER)
LEND = Lend(book=MOBY, reader=ADA)
ASKED = MayBorrow(reader=ADA)


def test_a_handler_alone_gets_repositories_clock_identities_and_answers() -> None:
    outcome = given(Copy(id=MOBY)).on(MayBorrow).answers(True).when(lend, LEND)
    outcome.then(LENT).replies(FIRST).calls(ASKED).sends(Remind(reader=ADA, book=MOBY)).leaves(ON_LOAN)
    outcome.publishes()  # its context is not known


def test_a_context_takes_a_message_with_all_its_handlers_and_publishers() -> None:
    outcome = given(lending, Copy(id=MOBY)).on(MayBorrow).answers(True).when(LEND)
    outcome.then(LENT).replies(FIRST).publishes(BookLent(book=MOBY, reader=ADA))
    given(notices).when(Remind(reader=ADA, book=MOBY)).then().leaves(Reminders(id=ADA, books=[MOBY]))


def test_a_refused_command_changes_nothing() -> None:
    refused = given(lending, ON_LOAN).on(MayBorrow).answers(True).when(LEND.replace(reader=BOB))
    refused.then(OnLoan(until=LATER)).sends().publishes().leaves(ON_LOAN)
    given(lending).on(MayBorrow).answers(False).when(LEND).then(NotWelcome(reason="not known"))


def test_an_answer_is_a_reply_a_refusal_or_a_function_async_or_not() -> None:
    banned = NotWelcome(reason="banned")

    def refuse(query: MayBorrow) -> bool:
        raise NotWelcome(reason=query.reader)

    async def refuse_later(query: MayBorrow) -> Refusal:
        await asyncio.sleep(3)
        return NotWelcome(reason=query.reader)

    given(lending).on(MayBorrow).answers(banned).when(LEND).then(banned)
    given(lending).on(MayBorrow).answers(lambda query: query.reader == "ada").when(LEND).then(LENT)
    given(lending).on(MayBorrow).answers(refuse).when(LEND).then(NotWelcome(reason="ada"))
    given(lending).on(MayBorrow).answers(refuse_later).when(LEND).then(NotWelcome(reason="ada"))


def test_a_call_without_an_answer_an_undeclared_one_and_one_of_another_type_are_mistakes_of_the_test() -> None:
    with pytest.raises(KitError, match=re.escape(".on(MayBorrow).answers(")):
        given(lending).when(LEND)
    with pytest.raises(
        KitError, match=r"MayBorrow is answered with Undeclared\(reason=''\), which it does not declare"
    ):
        given(lending).on(MayBorrow).answers(Undeclared())
    with pytest.raises(KitError, match="MayBorrow is answered with 'yes'"):
        given(lending).on(MayBorrow).answers("yes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # the mistake to be found
    with pytest.raises(KitError, match="MayBorrow is answered with None"):
        given(lending).on(MayBorrow).answers(lambda _: None).when(LEND)  # type: ignore[arg-type, return-value]  # pyright: ignore[reportArgumentType]  # the mistake to be found


def test_a_query_is_answered_from_documents_made_of_the_given_events() -> None:
    given(lending, LENT, LENT.replace(reader=BOB)).when(LoansOf(reader=ADA)).then([MOBY])
    given(lending, LENT, Returned(book=MOBY, reader=ADA)).when(LoansOf(reader=ADA)).then([])
    given(LENT).when(loans_of, LoansOf(reader=ADA)).replies([MOBY])
    assert given(lending).when(LoansOf(reader=ADA)).answer == []
    given(readers).when(MayBorrow(reader=ReaderId("stranger"))).then(False)
    with pytest.raises(AssertionError, match=re.escape("[0]: expected nothing, was 'moby-dick'")):
        given(lending, LENT).when(LoansOf(reader=ADA)).then([])


def test_a_reaction_is_run_by_itself_and_by_its_context() -> None:
    event, blocked = ReaderBanned(reader=ADA, reason="noise"), Blocked(id=ADA, reasons=["noise"])
    given().when(block, event).then(Banned(reader=ADA, reason="noise")).leaves(blocked)
    given(blocked).when(block, event).leaves(Blocked(id=ADA, reasons=["noise", "noise"]))
    given(lending).when(event).then(Banned(reader=ADA, reason="noise"))


def test_time_and_identities_are_what_the_test_says() -> None:
    class Own:
        def new(self) -> str:
            return "l-1"

    begun = NOON + timedelta(days=1)
    clock = MovableClock(begun)
    clock.move(hours=12)
    given(lending).on(MayBorrow).answers(True).at(begun).provide(Ids, Own).when(LEND).then(
        Lent(loan="l-1", book=MOBY, reader=ADA, until=begun + timedelta(days=14))
    )
    given(lending).on(MayBorrow).answers(True).provide(Clock, lambda: clock).when(LEND).then(
        LENT.replace(until=LATER + timedelta(days=1, hours=12))
    )


def test_a_clock_of_the_tests_own_is_enough() -> None:
    class Stopped:
        def now(self) -> datetime:
            return NOON + timedelta(days=7)

    given(lending).on(MayBorrow).answers(True).provide(Clock, Stopped).when(LEND).then(
        LENT.replace(until=LATER + timedelta(days=7))
    )


def test_a_service_is_what_the_test_gives_and_nothing_is_made_by_itself() -> None:
    given(ON_LOAN).provide(Fees, Fees).when(give_back, GiveBack(book=MOBY)).then(Returned(book=MOBY, reader=ADA))
    back = given(lending, ON_LOAN).provide(Fees, Fees).when(GiveBack(book=MOBY))
    back.publishes(BookReturned(book=MOBY))
    with pytest.raises(KitError, match=r"\.provide\(Fees, "):
        given(lending, ON_LOAN).when(GiveBack(book=MOBY))


def test_what_a_handler_raises_besides_comes_out_as_it_is() -> None:
    with pytest.raises(ValueError, match="nobody has thought of this"):
        given(lending).when(ReaderBanned(reader=ADA, reason="bug"))
    with pytest.raises(NotFound):
        given(lending).provide(Fees, Fees).when(GiveBack(book=MOBY))


def test_a_refusal_that_the_message_does_not_declare_is_an_error() -> None:
    desk = Context("desk")

    @desk.handle(GiveBack)
    async def spoil(command: GiveBack, copies: Repository[Copy]) -> None:
        (await copies.obtain(command.book)).spoil()

    with pytest.raises(KitError, match="which GiveBack does not declare"):
        given(desk).when(GiveBack(book=MOBY))


def test_reactions_that_run_together_are_part_of_the_step() -> None:
    desk = Context("desk")

    @desk.handle(GiveBack)
    async def back(command: GiveBack, copies: Repository[Copy]) -> None:
        (await copies.get(command.book)).give_back()

    @desk.react(Returned, together=True)
    async def lend_on(event: Returned, copies: Repository[Copy], clock: Clock) -> None:
        (await copies.get(event.book)).lend("l-2", BOB, clock.now())

    given(desk, ON_LOAN).when(GiveBack(book=MOBY)).then(
        Returned(book=MOBY, reader=ADA), LENT.replace(loan="l-2", reader=BOB)
    )


def test_what_the_context_itself_handles_is_called_really() -> None:
    desk = Context("desk")

    class Both(Query[list[BookId]]):
        reader: ReaderId

    from remit import Sender

    @desk.answer(Both)
    async def both(query: Both, calls: Sender) -> list[BookId]:
        return await calls.ask(LoansOf(reader=query.reader))

    desk.project(Loans)
    desk.answer(LoansOf)(loans_of)
    given(desk, LENT).when(Both(reader=ADA)).then([MOBY]).calls(LoansOf(reader=ADA))


def test_mistakes_of_the_test_say_what_to_do() -> None:
    with pytest.raises(KitError, match=r"no handler of notices asks for Repository\[Copy\]"):
        given(notices, Copy(id=MOBY)).when(Remind(reader=ADA, book=MOBY))
    with pytest.raises(KitError, match="no projection of notices handles Lent"):
        given(notices, LENT).when(Remind(reader=ADA, book=MOBY))
    with pytest.raises(KitError, match="no handler of notices takes Lend"):
        given(notices).when(LEND)
    with pytest.raises(KitError, match="remind is run with 0 arguments"):
        given().when(remind)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]  # the mistake to be found
    with pytest.raises(KitError, match="a time with a time zone"):
        given(lending).at(datetime(2026, 1, 1))  # noqa: DTZ001  # the mistake to be found


def test_a_handler_that_asks_for_statements_is_told_to_run_on_a_store() -> None:
    async def count(command: GiveBack, sql: Sql) -> None:
        await sql.fetch("SELECT 1")

    with pytest.raises(KitError, match=r"Next: with running\(system\) as app"):
        given().when(count, GiveBack(book=MOBY))


def test_a_handler_that_waits_takes_no_time() -> None:
    given(ON_LOAN).when(wait_a_while, GiveBack(book=MOBY)).then(Returned(book=MOBY, reader=ADA))


async def react_slowly(event: Returned) -> None:
    await asyncio.sleep(86_400)


async def give_up_by_itself(event: Returned) -> None:
    raise TimeoutError("the bank is slow")


def test_a_reaction_has_a_time_limit_as_in_a_running_system() -> None:
    event = Returned(book=MOBY, reader=ADA)
    with pytest.raises(TimeoutError, match="took longer than 30 s"):
        given().when(react_slowly, event)
    with pytest.raises(TimeoutError, match="the bank is slow"):
        given().when(give_up_by_itself, event)


async def hand_back_slowly(command: GiveBack, copies: Repository[Copy]) -> None:
    (await copies.get(command.book)).give_back()
    await asyncio.sleep(11)


async def hand_back_late(command: GiveBack, copies: Repository[Copy]) -> None:
    (await copies.get(command.book)).give_back()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(11)


async def count_slowly(query: LoansOf, copies: Repository[Copy]) -> int:
    await asyncio.sleep(11)
    return 1


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        (hand_back_slowly, GiveBack(book=MOBY)),
        (hand_back_late, GiveBack(book=MOBY)),
        (count_slowly, LoansOf(reader=ADA)),
    ],
)
def test_a_command_and_a_query_have_the_deadline_of_a_call_without_one(handler: Any, message: Any) -> None:
    with pytest.raises(DeadlineExceeded, match="was not done within 10 s") as late:
        given(ON_LOAN).when(handler, message)
    assert "running" in late.value.next


def test_what_a_handler_leaves_behind_does_not_run_on_in_the_next_test() -> None:
    ended: list[asyncio.Task[None]] = []

    async def forget(command: GiveBack) -> None:
        ended.append(asyncio.create_task(asyncio.sleep(1)))

    given().when(forget, GiveBack(book=MOBY)).then()
    assert ended[0].cancelled()


async def test_under_a_running_loop_a_handler_runs_too_and_one_that_waits_is_awaited() -> None:
    given(lending).on(MayBorrow).answers(True).when(LEND).then(LENT)
    with pytest.raises(KitError, match="when_awaited"):
        given(ON_LOAN).when(wait_a_while, GiveBack(book=MOBY))

    async def soon(command: GiveBack, copies: Repository[Copy]) -> None:
        await asyncio.sleep(0)
        (await copies.get(command.book)).give_back()

    outcome = await given(ON_LOAN).when_awaited(soon, GiveBack(book=MOBY))
    outcome.then(Returned(book=MOBY, reader=ADA))
    (await given(notices).when_awaited(Remind(reader=ADA, book=MOBY))).then()


def test_a_context_that_declares_more_meanwhile_is_compiled_again() -> None:
    desk = Context("desk")
    desk.handle(Remind)(remind)
    given(desk).when(Remind(reader=ADA, book=MOBY)).then()

    class Closed(IntegrationEvent, version=1):
        reader: ReaderId

    @desk.react(Closed)
    async def forget(event: Closed, reminders: Repository[Reminders]) -> None:
        (await reminders.obtain(event.reader)).books.clear()

    given(desk, Reminders(id=ADA, books=[MOBY])).when(Closed(reader=ADA)).leaves(Reminders(id=ADA))


class Shelf(Record[str]):
    books: int = 0


class Stocked(IntegrationEvent, key="shelf"):
    shelf: str
    books: int


class Stock(Command[int]):
    shelf: str
    books: int


async def stock(command: Stock, shelves: Records[Shelf], events: Events[Stocked]) -> int:
    before = await shelves.find(command.shelf) or Shelf(id=command.shelf)
    after = before.replace(books=before.books + command.books)
    await shelves.put(after)
    events.publish(Stocked(shelf=after.id, books=after.books))
    return after.books


def test_a_handler_finds_given_records_and_publishes_events_without_an_aggregate() -> None:
    outcome = given(Shelf(id="a", books=2)).when(stock, Stock(shelf="a", books=3))
    outcome.then().replies(5).publishes(Stocked(shelf="a", books=5)).leaves(Shelf(id="a", books=5))
    with pytest.raises(AssertionError, match="Shelf 'a'"):
        outcome.leaves(Shelf(id="a", books=4))


class Drop(Command[None]):
    book: BookId


async def drop(command: Drop, copies: Repository[Copy]) -> None:
    copies.remove(await copies.get(command.book))


def test_an_aggregate_that_was_removed_is_not_there_afterwards() -> None:
    outcome = given(Copy(id=MOBY)).when(drop, Drop(book=MOBY)).then()
    assert outcome.states == []
