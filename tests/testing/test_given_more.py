"""given, when, then: claims that others have, and policies by themselves."""

from __future__ import annotations

import pytest

from remit import Aggregate, Claim, Claims, Command, Context, DomainEvent, Later, Refusal, Repository
from remit.testing import KitError, given


class EmailTaken(Refusal):
    email: str


class Register(Command[None, EmailTaken]):
    member: str
    email: str


class Leave(Command[None]):
    member: str


class Welcome(Command[None]):
    member: str


class Joined(DomainEvent):
    member: str


class Left(DomainEvent):
    member: str


class Expelled(Left):
    why: str = ""


class Member(Aggregate[str, Joined | Left]):
    visits: int = 0


class Email(Claim[str, Member]): ...


class Badge(Claim[int, Member]): ...


class Tally(Aggregate[str]):
    members: int = 0
    seen: tuple[str, ...] = ()


club = Context("club")


@club.handle(Register)
async def register(command: Register, members: Repository[Member], emails: Claims[Email]) -> None:
    member = await members.obtain(command.member)
    await emails.take(command.email, by=member, otherwise=EmailTaken(email=command.email))
    member.record(Joined(member=member.id))


@club.handle(Leave)
async def leave(command: Leave, emails: Claims[Email], members: Repository[Member]) -> None:
    members.remove(await members.get(command.member))


@club.policy
class Counting:
    def __init__(self, tallies: Repository[Tally], welcomes: Later[Welcome]) -> None:
        self.tallies, self.welcomes = tallies, welcomes

    @club.react(Joined)
    async def joined(self, event: Joined) -> None:
        await self.count(event.member, 1)
        self.welcomes.send(Welcome(member=event.member))

    @club.react(Left)
    async def left(self, event: Left) -> None:
        await self.count(event.member, -1)

    async def count(self, member: str, by: int) -> None:
        tally = await self.tallies.obtain("club")
        tally.members += by
        tally.seen += (member,)


def test_a_value_that_another_aggregate_has() -> None:
    ada = Member(id="ada")
    taken = given(club).claimed(Email, "a@example.org", by=ada)
    taken.when(Register(member="bob", email="a@example.org")).then(EmailTaken(email="a@example.org"))
    taken.when(Register(member="bob", email="b@example.org")).then(Joined(member="bob")).leaves(ada, Member(id="bob"))
    taken.when(Register(member="ada", email="a@example.org")).then(Joined(member="ada"))


def test_a_claim_belongs_to_the_aggregate_that_is_given() -> None:
    alike = given(club, Member(id="ada", visits=7)).claimed(Email, "a@example.org", by=Member(id="ada"))
    outcome = alike.claimed(Email, "b@example.org", by=Member(id="ada")).when(Register(member="ada", email="c"))
    outcome.leaves(Member(id="ada", visits=7))


def test_a_handler_by_itself_finds_a_claim_and_gives_it_up_with_the_aggregate() -> None:
    taken = given().claimed(Email, "a@example.org", by=Member(id="ada"))
    taken.when(register, Register(member="bob", email="a@example.org")).then(EmailTaken(email="a@example.org"))
    assert taken.when(leave, Leave(member="ada")).states == []


def test_a_claim_that_cannot_be_given_is_a_mistake_of_the_test() -> None:
    with pytest.raises(KitError, match=r"no handler of club asks for Claims\[Badge\]"):
        given(club).claimed(Badge, 7, by=Member(id="ada")).when(Leave(member="ada"))
    twice = given(club).claimed(Email, "a", by=Member(id="ada")).claimed(Email, "a", by=Member(id="bob"))
    with pytest.raises(KitError, match="Email 'a' is given to two"):
        twice.when(Leave(member="ada"))


def test_a_policy_is_run_by_itself_and_its_methods_share_what_it_asks_for() -> None:
    step = given(Tally(id="club", members=3)).when(Counting, Joined(member="ada"))
    step.then().sends(Welcome(member="ada")).leaves(Tally(id="club", members=4, seen=("ada",)))
    given().when(Counting, Expelled(member="bob")).leaves(Tally(id="club", members=-1, seen=("bob",)))


async def test_a_policy_is_awaited_where_a_loop_runs() -> None:
    (await given().when_awaited(Counting, Joined(member="ada"))).sends(Welcome(member="ada"))


def test_an_event_that_a_policy_does_not_take_and_a_method_of_one_are_mistakes_of_the_test() -> None:
    class Other(DomainEvent): ...

    with pytest.raises(KitError, match="no handler of given takes Other"):
        given().when(Counting, Other())
    with pytest.raises(KitError, match=r"Counting\.joined is a method of a policy") as refused:
        given().when(Counting.joined, Joined(member="ada"))  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]  # the mistake
    assert refused.value.next == "when(Counting, Joined(...))"


def test_a_class_that_is_no_policy_makes_what_is_tested() -> None:
    given().when(Member, id="ada").then()
