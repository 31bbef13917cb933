"""The calls of a handler in one step: what the runtime refuses, the step refuses too."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from remit import Command, Context, DomainEvent, Query, Refusal, Sender
from remit import field as default
from remit.errors import BadKey, BadValue, CallError, DeadlineExceeded, Diverged, HandlerFailed, RemitError, Unavailable
from remit.testing import KitError, given


class Full(Refusal):
    seats: int


class Other(Refusal): ...


class Go(Command[str, Full]): ...


class Look(Query[str]): ...


class Book(Command[str, Full], identity="seat"):
    seat: str
    guest: str = ""


class Note(Command[list[str]]):
    text: Any = ""


class Free(Query[int]):
    rows: list[int] = default(default_factory=list[int])


class Went(DomainEvent):
    seat: str


class Came(DomainEvent): ...


BOOKED = Book(seat="a1", guest="ada")


def step(work: Any, answers: Any = "yes") -> Any:
    """What a command's handler replies that does this work with its sender."""
    desk = Context("desk")

    @desk.handle(Go)
    async def go(command: Go, calls: Sender) -> str:
        return str(await work(calls))

    ready = given(desk).on(Book).answers(answers).on(Note).answers(lambda note: [str(note.text)]).on(Free).answers(7)
    return ready.when(Go())


async def book_twice(calls: Sender) -> object:
    return [await calls.send(BOOKED), await calls.send(BOOKED)]


async def book_two_guests(calls: Sender) -> object:
    return [await calls.send(BOOKED), await calls.send(BOOKED.replace(guest="bob"))]


async def book_under_one_key(calls: Sender) -> object:
    return [await calls.send(BOOKED, key="k"), await calls.send(BOOKED.replace(seat="a2"), key="k")]


async def book_under_an_empty_key(calls: Sender) -> object:
    return await calls.send(BOOKED, key="")


async def ask_freshly(calls: Sender) -> object:
    return await calls.ask(Free(), fresh=True)


async def ask_in_no_time(calls: Sender) -> object:
    return await calls.ask(Free(), deadline=0.0)


async def send_a_query(calls: Any) -> object:
    return await calls.send(Free())


async def ask_a_command(calls: Any) -> object:
    return await calls.ask(BOOKED)


async def note_what_cannot_be_read(calls: Sender) -> object:
    return await calls.send(Note(text=float("inf")))


@pytest.mark.parametrize(
    ("work", "error", "said"),
    [
        (book_two_guests, Diverged, "the same identity and different contents"),
        (book_under_one_key, HandlerFailed, "under a key that is taken"),
        (book_under_an_empty_key, BadKey, "the idempotency key is empty"),
        (ask_freshly, CallError, "a handler cannot wait for a fresh answer"),
        (ask_in_no_time, DeadlineExceeded, "its deadline is 0 s"),
        (send_a_query, CallError, "no handler for Free"),
        (ask_a_command, CallError, "no handler for Book"),
        (note_what_cannot_be_read, BadValue, "is not a valid"),
    ],
)
def test_a_call_that_the_runtime_refuses_is_refused_in_a_step(work: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        step(work)


def test_a_command_with_an_identity_is_answered_once_however_often_it_is_sent() -> None:
    answered: list[Book] = []

    def answer(book: Book) -> str:
        answered.append(book)
        return str(len(answered))

    step(book_twice, answer).replies("['1', '1']").calls(BOOKED, BOOKED)
    assert answered == [BOOKED]


def test_a_refused_command_is_tried_anew_when_it_is_sent_again() -> None:
    answers = iter([Full(seats=0), "yes"])

    def answer(book: Book) -> Any:
        return next(answers)

    async def insist(calls: Sender) -> object:
        return [await calls.attempt(BOOKED), await calls.attempt(BOOKED)]

    step(insist, answer).replies("[Full(seats=0), 'yes']")


def test_the_handler_of_a_query_sends_nothing() -> None:
    desk = Context("desk")

    @desk.answer(Look)
    async def look(query: Look, calls: Sender) -> str:
        return await calls.send(BOOKED)

    with pytest.raises(CallError, match="the handler of a query cannot send Book"):
        given(desk).on(Book).answers("yes").when(Look())


def test_a_reply_is_what_is_read_from_the_wire() -> None:
    kept = ["a"]

    async def change(calls: Sender) -> object:
        note = await calls.send(Note(text="x"))
        note.append("b")
        return kept

    desk = Context("desk")

    @desk.handle(Go)
    async def go(command: Go, calls: Sender) -> str:
        return str(await change(calls))

    given(desk).on(Note).answers(kept).when(Go()).replies("['a']")


def test_an_error_in_another_handler_of_the_context_is_a_failed_call() -> None:
    desk, caught = Context("desk"), list[Exception]()

    @desk.handle(Book)
    async def book(command: Book) -> str:
        if command.guest == "nobody":
            raise Other
        raise ValueError(command.guest)

    @desk.handle(Go)
    async def go(command: Go, calls: Sender) -> str:
        for guest in ("ada", "nobody"):
            try:
                await calls.send(Book(seat=guest, guest=guest))
            except Exception as error:  # noqa: BLE001  # which error it is, is what the test is about
                caught.append(error)
        return "done"

    given(desk).when(Go()).replies("done")
    assert [type(each) for each in caught] == [HandlerFailed, HandlerFailed]
    assert "Book ended with a refusal it does not declare: Other" in str(caught[1])


def test_an_answer_may_be_that_the_other_context_is_away() -> None:
    def away(book: Book) -> str:
        raise Unavailable("nobody answers")

    async def book_or_not(calls: Sender) -> object:
        try:
            return await calls.send(BOOKED)
        except Unavailable:
            return "away"

    step(book_or_not, away).replies("away")


def test_a_mistake_in_an_answer_fails_the_test_also_if_the_handler_catches_it() -> None:
    def wrong(book: Book) -> str:
        raise ZeroDivisionError

    async def book_or_not(calls: Sender) -> object:
        try:
            return await calls.send(BOOKED)
        except CallError:
            return "away"

    def no_such_refusal(book: Book) -> Refusal:
        return Other()

    with pytest.raises(ZeroDivisionError):
        step(book_or_not, wrong)
    with pytest.raises(KitError, match="which it does not declare"):
        step(book_or_not, no_such_refusal)


def make_reacting(work: Any) -> Context[Any]:
    desk = Context("desk")

    @desk.react(Went)
    async def react(event: Went, calls: Sender) -> Any:
        return await work(calls)

    return desk


async def refuse(calls: Sender) -> None:
    raise Other


async def return_a_refusal(calls: Sender) -> object:
    return Other()


async def return_a_text(calls: Sender) -> object:
    return "lost"


def test_a_refusal_that_a_reaction_ends_with_comes_out_because_no_caller_receives_it() -> None:
    async def book(calls: Sender) -> None:
        await calls.send(BOOKED)

    with pytest.raises(Full):
        given(make_reacting(book)).on(Book).answers(Full(seats=0)).when(Went(seat="a1"))
    with pytest.raises(Other):
        given(make_reacting(refuse)).when(Went(seat="a1"))
    with pytest.raises(RemitError, match="a reaction has no caller that receives it"):
        given(make_reacting(return_a_refusal)).when(Went(seat="a1"))
    given(make_reacting(return_a_text)).when(Went(seat="a1")).then()


class WentLate(Went): ...


class GoFast(Go): ...


async def handle_go(command: Go) -> str:
    return "gone"


async def react_to_either(event: Went | Came) -> None: ...


async def react_to_anything(event: Any) -> None: ...


def test_a_handler_is_run_only_for_a_message_that_it_takes() -> None:
    given().when(handle_go, Go()).replies("gone")
    for message in (GoFast(), BOOKED):
        with pytest.raises(KitError, match=f"handle_go does not take {type(message).__name__}"):
            given().when(handle_go, message)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]  # the mistake
    for event in (Went(seat="a1"), WentLate(seat="a1"), Came()):
        given().when(react_to_either, event).then()
    given().when(react_to_anything, Came()).then()
    anything: Any = Go()
    with pytest.raises(KitError, match="react_to_either does not take Go"):
        given().when(react_to_either, anything)


async def refuses(event: Went) -> None:
    raise Other


def test_a_refusal_of_a_reaction_or_policy_by_itself_comes_out_too() -> None:
    with pytest.raises(Other):
        given().when(refuses, Went(seat="a1"))
    desk = Context("desk")

    @desk.policy
    class Seating:
        @desk.react(Went)
        async def went(self, event: Went) -> None:
            raise Other

    with pytest.raises(Other):
        given().when(Seating, Went(seat="a1"))


class Slow(Query[int]):
    seconds: float


async def ask_in_two_seconds(calls: Sender) -> object:
    try:
        return await calls.ask(Slow(seconds=3.0), deadline=2.0)
    except DeadlineExceeded:
        return "too late"


async def ask_without_a_deadline(calls: Sender) -> object:
    try:
        return await calls.ask(Slow(seconds=60.0))
    except DeadlineExceeded:
        return "too late"


async def ask_and_be_patient(calls: Sender) -> object:
    return await calls.ask(Slow(seconds=3.0))


def slow_desk(work: Any, *, is_own: bool) -> Any:
    """What a handler replies that asks a slow query: of its own context, or of another one."""
    desk = Context("desk")

    @desk.handle(Go)
    async def go(command: Go, calls: Sender) -> str:
        return str(await work(calls))

    async def slow(query: Slow) -> int:
        await asyncio.sleep(query.seconds)
        return 3

    if is_own:
        desk.answer(Slow)(slow)
        return given(desk).when(Go())
    return given(desk).on(Slow).answers(slow).when(Go())


@pytest.mark.parametrize("is_own", [True, False])
@pytest.mark.parametrize(("work", "reply"), [(ask_in_two_seconds, "too late"), (ask_and_be_patient, "3")])
def test_a_call_has_until_its_deadline(work: Any, reply: str, is_own: bool) -> None:
    slow_desk(work, is_own=is_own).replies(reply)


def test_a_call_ends_shortly_before_the_deadline_of_its_handler() -> None:
    slow_desk(ask_without_a_deadline, is_own=False).replies("too late")
