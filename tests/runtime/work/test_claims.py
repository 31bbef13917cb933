"""Of several aggregates that take one value, one has it: at a time, until it gives it up or is removed."""

from __future__ import annotations

import asyncio

import pytest

from remit import Aggregate, Claim, Claims, Command, Context, DomainEvent, Query, Refusal, Repository, System
from remit.errors import BadKey, HandlerFailed, NotFound
from remit.hosting.assembly import assemble
from remit.runtime import Host


class Taken(Refusal):
    email: str


class Register(Command[None, Taken]):
    account: str
    email: str


class ChangeEmail(Command[None, Taken]):
    account: str
    old: str
    new: str


class GiveUp(Command[bool]):
    account: str
    email: str


class Remove(Command[None]):
    account: str


class Renew(Command[None, Taken]):
    """Removes an account, and adds another one of its identity that takes the address again."""

    account: str
    email: str


class Meet(Command[None, Taken]):
    """Takes an address for an account that is there; or, `late`, not before all have loaded it."""

    account: str
    email: str
    late: bool = False


class TakeForStranger(Command[None, Taken]):
    email: str


class Told(Command[None]):
    accounts: list[str]


class ByEmail(Query[str | None]):
    email: str


class Registered(DomainEvent, key="email"):
    account: str
    email: str


class Account(Aggregate[str]):
    renewed: bool = False


class Desk(Aggregate[str, Registered]):
    def tell(self, account: str) -> None:
        self.record(Registered(account=account, email="one@example.org"))


class Email(Claim[str, Account]):
    """One account per e-mail address."""


class Bank:
    """The system, and what its handlers meet."""

    def __init__(self, parties: int = 2) -> None:
        self.meeting = asyncio.Barrier(parties)
        self.met: set[str] = set()
        self.arrived = asyncio.Event()
        self.refused: list[str] = []
        accounts = Context("accounts")
        self.system = System("bank", contexts=[accounts])
        declare(accounts, self)
        declare_reaction(accounts, self)
        declare_removal(accounts)

    async def meet(self, who: str) -> None:
        """Waits for the others, the first time."""
        if who not in self.met:
            self.met.add(who)
            self.arrived.set()
            await self.meeting.wait()


def declare(accounts: Context, bank: Bank) -> None:
    @accounts.handle(Register)
    async def register(command: Register, repository: Repository[Account], emails: Claims[Email]) -> None:
        account = await repository.obtain(command.account)
        await emails.take(command.email, by=account, otherwise=Taken(email=command.email))
        await emails.take(command.email, by=account, otherwise=Taken(email=command.email))

    @accounts.handle(ChangeEmail)
    async def change(command: ChangeEmail, repository: Repository[Account], emails: Claims[Email]) -> None:
        account = await repository.get(command.account)
        await emails.give_up(command.old, by=account)
        await emails.take(command.new, by=account, otherwise=Taken(email=command.new))

    @accounts.handle(Meet)
    async def meet(command: Meet, repository: Repository[Account], emails: Claims[Email]) -> None:
        account = await repository.get(command.account)
        found = await emails.find(command.email)
        if command.late:
            await bank.meet(command.account)
        await emails.take(command.email, by=account, otherwise=Taken(email=f"found {found is not None}"))
        await bank.meet(command.account)

    @accounts.handle(TakeForStranger)
    async def take_for_stranger(command: TakeForStranger, emails: Claims[Email]) -> None:
        await emails.take(command.email, by=Account(id="x"), otherwise=Taken(email=command.email))

    @accounts.answer(ByEmail)
    async def by_email(query: ByEmail, emails: Claims[Email]) -> str | None:
        found = await emails.find(query.email)
        return None if found is None else f"{found.id}{'+' * found.renewed}"


def declare_reaction(accounts: Context, bank: Bank) -> None:
    @accounts.handle(Told)
    async def told(command: Told, desks: Repository[Desk]) -> None:
        desk = await desks.obtain("desk")
        for account in command.accounts:
            desk.tell(account)

    @accounts.react(Registered)
    async def on_registered(event: Registered, repository: Repository[Account], emails: Claims[Email]) -> None:
        if (holder := await emails.find(event.email)) is not None and holder.id != event.account:
            bank.refused.append(event.account)
            return
        account = await repository.obtain(event.account)
        await emails.take(event.email, by=account, otherwise=Taken(email=event.email))


def declare_removal(accounts: Context) -> None:
    @accounts.handle(GiveUp)
    async def give_up(command: GiveUp, repository: Repository[Account], emails: Claims[Email]) -> bool:
        by = Account(id="x") if command.account == "x" else await repository.get(command.account)
        return await emails.give_up(command.email, by=by)

    @accounts.handle(Remove)
    async def remove(command: Remove, repository: Repository[Account]) -> None:
        repository.remove(await repository.get(command.account))

    @accounts.handle(Renew)
    async def renew(command: Renew, repository: Repository[Account], emails: Claims[Email]) -> None:
        repository.remove(await repository.get(command.account))
        account = Account(id=command.account, renewed=True)
        repository.add(account)
        await emails.take(command.email, by=account, otherwise=Taken(email=command.email))


async def test_second_account_is_refused_and_leaves_nothing(anywhere: str) -> None:
    async with Bank().system.connect(store=anywhere) as app:
        await app.send(Register(account="a", email="one@example.org"))
        await app.send(Register(account="a", email="one@example.org"))
        assert await app.attempt(Register(account="b", email="one@example.org")) == Taken(email="one@example.org")
        assert await app.ask(ByEmail(email="one@example.org")) == "a"
        await app.send(Register(account="b", email="two@example.org"))
        assert await app.ask(ByEmail(email="two@example.org")) == "b"
        assert await app.ask(ByEmail(email="three@example.org")) is None


async def test_of_many_that_register_at_once_one_has_the_address(anywhere: str) -> None:
    async with Bank().system.connect(store=anywhere) as app:
        wishes = [Register(account=f"a{number}", email="one@example.org") for number in range(20)]
        ended = await asyncio.gather(*map(app.attempt, wishes))
        assert ended.count(None) == 1
        assert ended.count(Taken(email="one@example.org")) == 19
        assert await app.ask(ByEmail(email="one@example.org")) == f"a{ended.index(None)}"


async def test_loser_of_a_race_runs_again_and_is_refused(anywhere: str) -> None:
    async with Bank().system.connect(store=anywhere) as app:
        for name in "ab":
            await app.send(Register(account=name, email=f"{name}@example.org"))
        ended = await asyncio.gather(*(app.attempt(Meet(account=name, email="one@example.org")) for name in "ab"))
        assert sorted(map(str, ended)) == ["None", "Taken(email='found True')"], "both had found it free"


async def test_what_is_given_up_can_be_taken(anywhere: str) -> None:
    async with Bank().system.connect(store=anywhere) as app:
        await app.send(Register(account="a", email="one@example.org"))
        await app.send(Register(account="b", email="two@example.org"))
        assert not await app.send(GiveUp(account="b", email="one@example.org")), "another account has it"
        assert not await app.send(GiveUp(account="b", email="none@example.org"))
        assert await app.ask(ByEmail(email="one@example.org")) == "a"
        assert await app.send(GiveUp(account="b", email="two@example.org"))
        assert not await app.send(GiveUp(account="b", email="two@example.org"))
        await app.send(Register(account="b", email="two@example.org"))
        await app.send(ChangeEmail(account="a", old="one@example.org", new="three@example.org"))
        await app.send(ChangeEmail(account="b", old="two@example.org", new="one@example.org"))
        await app.send(ChangeEmail(account="a", old="three@example.org", new="three@example.org"))
        found = [await app.ask(ByEmail(email=f"{name}@example.org")) for name in ("one", "two", "three")]
        assert found == ["b", None, "a"]


async def test_removed_account_has_no_address_any_more(anywhere: str) -> None:
    async with Bank().system.connect(store=anywhere) as app:
        for _ in range(2):
            for name in ("one", "two"):
                await app.send(Register(account="a", email=f"{name}@example.org"))
            await app.send(Remove(account="a"))
            assert await app.ask(ByEmail(email="one@example.org")) is None
        await app.send(Register(account="b", email="one@example.org"))
        await app.send(Register(account="a", email="two@example.org"))
        await app.send(Renew(account="a", email="one@two.org"))
        assert await app.ask(ByEmail(email="two@example.org")) is None
        assert await app.ask(ByEmail(email="one@two.org")) == "a+"
        await app.send(Renew(account="a", email="one@two.org"))
        assert await app.ask(ByEmail(email="one@two.org")) == "a+"


@pytest.mark.parametrize("late", [False, True])
async def test_account_that_is_removed_while_it_takes_an_address_does_not_keep_it(anywhere: str, *, late: bool) -> None:
    bank = Bank()
    async with bank.system.connect(store=anywhere) as app:
        await app.send(Register(account="a", email="a@example.org"))
        await app.send(GiveUp(account="a", email="a@example.org"))
        taking = asyncio.create_task(app.attempt(Meet(account="a", email="one@example.org", late=late)))
        await bank.arrived.wait()
        await app.send(Remove(account="a"))
        await bank.meeting.wait()
        with pytest.raises(NotFound):
            await taking
        assert await app.ask(ByEmail(email="one@example.org")) is None


async def test_value_is_taken_as_it_is_written(anywhere: str) -> None:
    """No case, no form of Unicode and no blank is changed."""
    async with Bank().system.connect(store=anywhere) as app:
        texts = ["Ada@x", "ada@x", " ada@x", "\u00e9", "e\u0301", "'; --", "k" * 512, ""]
        for number, text in enumerate(texts):
            await app.send(Register(account=f"a{number}", email=text))
        assert [await app.ask(ByEmail(email=text)) for text in texts] == [f"a{n}" for n in range(len(texts))]
        for bad in ("k" * 513, "a\0b"):
            with pytest.raises(BadKey):
                await app.send(Register(account="z", email=bad))


async def test_claim_by_what_no_repository_has_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    async with Bank().system.connect(store="memory:") as app:
        with pytest.raises(HandlerFailed):
            await app.send(TakeForStranger(email="one@example.org"))
        assert "NotAdded: Email is claimed by Account 'x', which is in no repository" in caplog.text


@pytest.mark.parametrize("holder", ["x", "y"])
async def test_claim_by_what_no_repository_has_is_refused_whoever_has_the_value(
    caplog: pytest.LogCaptureFixture, holder: str
) -> None:
    async with Bank().system.connect(store="memory:") as app:
        await app.send(Register(account=holder, email="one@example.org"))
        with pytest.raises(HandlerFailed):
            await app.send(TakeForStranger(email="one@example.org"))
        assert "NotAdded: Email is claimed by Account 'x', which is in no repository" in caplog.text


async def test_giving_up_by_what_no_repository_has_is_refused_whoever_has_the_value(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with Bank().system.connect(store="memory:") as app:
        with pytest.raises(HandlerFailed):
            await app.send(GiveUp(account="x", email="one@example.org"))
        assert "NotAdded: Email is claimed by Account 'x', which is in no repository" in caplog.text


async def test_reactions_in_one_transaction_see_what_the_ones_before_them_took(anywhere: str) -> None:
    bank = Bank()
    async with bank.system.connect(store=anywhere) as app:
        await app.send(Told(accounts=["a", "b", "c", "a"]))
        assert await app.ask(ByEmail(email="one@example.org"), fresh=True) == "a"
        assert set(bank.refused) == {"b", "c"}


async def test_what_is_given_up_leaves_no_row() -> None:
    """An address is somebody's: it goes with the account."""
    bank = Bank()
    host: Host = assemble(bank.system.model(), store="memory:")
    await host.start()
    await host.send(Register(account="a", email="one@example.org"))
    await host.send(Remove(account="a"))
    store = host.stores["accounts"]
    assert await store.load("accounts.Email claim", "one@example.org") is None
    assert await store.load("accounts.Account claims", "a") is None
    assert await store.load("accounts.Account", "a") == (2, b"")
    await host.stop()
