"""A call that no relation covers is refused when it is made, also to a message that no check could see.

The handlers find the message that they call by its name, so that no check of the declared system finds the call.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Any

import pytest

from remit import Aggregate, Command, Context, DomainEvent, Later, Query, Record, Records, Repository, Sender, System
from remit.contexts import Relation
from remit.errors import HandlerFailed, NotCovered
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
from remit.testing.in_process.calls import Exchange, InProcessCalls
from tests.runtime.apart import Side


class Call(Command[str]):
    """Sends the command of this name, asks it if it is a query, or sends it for later."""

    name: str
    how: str = "send"


class Charge(Command[int]): ...


class Owed(Query[int]): ...


class Own(Command[int]): ...


class Noted(Command[None]): ...


class Notes(Query[int]): ...


class Asked(Query[str]):
    name: str


class Note(Record[str]): ...


class Counted(DomainEvent): ...


class Counter(Aggregate[str, Counted]):
    count: int = 0

    def up(self) -> None:
        self.count += 1
        self.record(Counted())


def named(name: str) -> Any:
    return getattr(sys.modules[__name__], name)()


asking: Any = None
"""A function that a test puts here."""


async def called(sender: Sender, name: str, how: str) -> str:
    """What came of the call, as the handler saw it."""
    try:
        match how:
            case "send":
                return str(await sender.send(named(name)))
            case "ask":
                return str(await sender.ask(named(name)))
            case "by":
                return str(await asking(sender, named(name)))
            case _:
                return str(await sender.attempt(named(name)))
    except NotCovered as error:
        return f"{error.code}: {error.what}"


running: Any = None
"""The app that a test puts here: handlers use it in place of their own sender."""


async def by_app(message: Any, how: str) -> str:
    call = running.ask if isinstance(message, Query) else running.send
    try:
        return str(await (asyncio.create_task(call(message)) if how == "task" else call(message)))
    except NotCovered as error:
        return f"{error.code}: {error.what}"


def system_of(relations: Sequence[Relation], own: Sequence[Relation] = ()) -> System:
    sales, billing = Context("sales", relations=own), Context("billing")

    @sales.handle(Call)
    async def call(command: Call, sender: Sender, later: Later[Own], notes: Records[Note]) -> str:
        await notes.put(Note(id="noted"))
        if command.how == "later":
            later.send(named(command.name))
            return "sent"
        if command.how in ("app", "task"):
            return await by_app(named(command.name), command.how)
        if command.how == "escape":
            return str(await sender.send(named(command.name)))
        return await called(sender, command.name, command.how)

    @sales.answer(Asked)
    async def asked(query: Asked, sender: Sender) -> str:
        return await called(sender, query.name, "ask") if running is None else await by_app(named(query.name), "app")

    @sales.answer(Notes)
    async def noted(query: Notes, notes: Records[Note]) -> int:
        return len(await notes.page(limit=9))

    @sales.handle(Own)
    async def own_command(command: Own) -> int:
        return 1

    @billing.handle(Charge)
    async def charge(command: Charge, counters: Repository[Counter]) -> int:
        (counter := await counters.obtain("all")).up()
        return counter.count

    @billing.answer(Owed)
    async def owed(query: Owed, counters: Repository[Counter]) -> int:
        found = await counters.find("all")
        return found.count if found else 0

    return System("shop", contexts=[sales, billing, Context("stock")], relations=relations)


@asynccontextmanager
async def together(system: System) -> AsyncGenerator[Any]:
    async with system.connect(store="memory:") as app:
        yield app


@asynccontextmanager
async def in_parity(system: System) -> AsyncGenerator[Any]:
    async with system.connect(store="memory:", parity=True) as app:
        yield app


@asynccontextmanager
async def apart(system: System) -> AsyncGenerator[Any]:
    """Each context in a process of its own. Yields the one of sales."""
    exchange = Exchange()
    sides = [Side(system, name, InProcessCalls(exchange)) for name in ("sales", "billing")]
    for side in sides:
        await side.start()
    try:
        yield sides[0].host
    finally:
        for side in sides:
            await side.stop()


PLACEMENTS = pytest.mark.parametrize("placed", [together, in_parity, apart])
CUSTOMER = CustomerSupplier(supplier="billing", customer="sales", uses=["Owed"])


@PLACEMENTS
async def test_call_that_no_relation_covers_is_refused_wherever_contexts_run(placed: Any) -> None:
    async with placed(system_of([CUSTOMER])) as app:
        for how in ("send", "attempt"):
            said = await app.send(Call(name="Charge", how=how))
            assert said.startswith("call.not-covered: 'sales' calls Charge of 'billing', and CustomerSupplier")
        assert await app.send(Call(name="Owed", how="ask")) == "0", "nothing was charged"
        assert await app.send(Call(name="Own")) == "1", "its own messages are not restricted"


@PLACEMENTS
async def test_handler_that_lets_the_refusal_escape_fails_and_changes_nothing(placed: Any) -> None:
    async with placed(system_of([CUSTOMER])) as app:
        with pytest.raises(HandlerFailed, match="NotCovered"):
            await app.send(Call(name="Charge", how="escape"))
        assert await app.ask(Notes()) == 0
        assert await app.send(Call(name="Owed", how="ask")) == "0"


@PLACEMENTS
async def test_command_for_later_that_no_relation_covers_is_refused_when_it_is_sent(placed: Any) -> None:
    async with placed(system_of([CUSTOMER])) as app:
        with pytest.raises(HandlerFailed, match="'sales' sends for later Charge of 'billing'"):
            await app.send(Call(name="Charge", how="later"))
        assert await app.ask(Notes()) == 0


@pytest.mark.parametrize("how", ["app", "task"])
@PLACEMENTS
async def test_app_that_is_used_in_a_handler_calls_for_the_context_of_the_handler(
    placed: Any, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with placed(system_of([CUSTOMER])) as app:
        monkeypatch.setattr(sys.modules[__name__], "running", app)
        said = await app.send(Call(name="Charge", how=how))
        assert said.startswith("call.not-covered: 'sales' calls Charge of 'billing'")
        assert await app.send(Call(name="Owed", how=how)) == "0", "nothing was charged"
        assert await app.send(Call(name="Own", how=how)) == "1"
        assert "calls Charge" in await app.ask(Asked(name="Charge"))
        assert await app.send(Charge()) == 1, "outside of the handlers, nothing is restricted"


async def test_app_of_another_system_is_not_restricted_in_a_handler(monkeypatch: pytest.MonkeyPatch) -> None:
    async with together(system_of([CUSTOMER])) as app, together(system_of([])) as other:
        monkeypatch.setattr(sys.modules[__name__], "running", other)
        assert await app.send(Call(name="Charge", how="app")) == "1"


async def test_query_may_not_ask_what_no_relation_covers() -> None:
    async with together(system_of([SeparateWays("sales", "billing")])) as app:
        assert "their relation is SeparateWays" in await app.ask(Asked(name="Owed"))


@pytest.mark.parametrize(
    ("relations", "is_covered"),
    [
        ([], True),
        ([Partnership("sales", "stock")], False),
        ([CustomerSupplier(supplier="billing", customer="sales")], True),
        ([CustomerSupplier(supplier="billing", customer="sales", uses=[Owed])], False),
        ([CustomerSupplier(supplier="sales", customer="billing")], False),
        ([Conformist(upstream="billing", downstream="sales", uses=[Charge])], True),
        ([Conformist(upstream="sales", downstream="billing")], False),
        ([AntiCorruptionLayer(upstream="billing", downstream="sales", module=__name__)], True),
        ([AntiCorruptionLayer(upstream="billing", downstream="sales", module=__name__, uses=["Owed"])], False),
        ([OpenHost("billing")], True),
        ([OpenHost("billing", exposes=["Owed"])], False),
        ([OpenHost("billing"), SeparateWays("sales", "billing")], False),
        ([Partnership("billing", "sales")], True),
        ([Partnership("billing", "sales", uses=["Owed"])], False),
        ([SharedKernel("sales", "billing", package="shop.kernel")], False),
        ([SeparateWays("sales", "billing")], False),
    ],
)
async def test_each_relation_covers_at_run_time_what_it_covers_at_start(
    relations: list[Relation], is_covered: bool
) -> None:
    async with together(system_of(relations)) as app:
        assert (await app.send(Call(name="Charge")) == "1") is is_covered
        assert (await app.ask(Owed()) == 1) is is_covered


@PLACEMENTS
async def test_relation_that_the_downstream_context_states_covers_its_calls(placed: Any) -> None:
    async with placed(
        system_of([], own=[CustomerSupplier(supplier="billing", customer="sales", uses=[Charge])])
    ) as app:
        assert await app.send(Call(name="Charge")) == "1"
        assert "does not list it" in await app.send(Call(name="Owed", how="ask"))


LAYER = """
async def fetched(sender, message):
    return await sender.ask(message)

async def together(sender, message):
    import asyncio
    return (await asyncio.gather(sender.ask(message), asyncio.wait_for(sender.ask(message), 5)))[0]
"""


@pytest.mark.parametrize(
    ("module", "function", "said"),
    [
        ("shop.layer", "fetched", "0"),
        ("shop.layer.bank", "fetched", "0"),
        ("shop.layer", "together", "0"),
        ("shop.model", "fetched", "outside of its AntiCorruptionLayer"),
        ("shop.layered", "fetched", "outside of its AntiCorruptionLayer"),
    ],
)
@PLACEMENTS
async def test_only_code_of_the_layer_calls_the_upstream(
    placed: Any, module: str, function: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The handler calls a function of a module, which calls the upstream."""
    code: dict[str, Any] = {"__name__": module}
    exec(LAYER, code)
    monkeypatch.setattr(sys.modules[__name__], "asking", code[function])
    layer = AntiCorruptionLayer(upstream="billing", downstream="sales", module="shop.layer", uses=["Owed"])
    async with placed(system_of([layer])) as app:
        for _ in range(2):
            assert said in await app.send(Call(name="Owed", how="by"))
        assert "outside of its AntiCorruptionLayer" in await app.send(Call(name="Owed", how="ask"))
        assert await app.send(Call(name="Own")) == "1"


async def test_callers_outside_of_handlers_are_not_restricted() -> None:
    async with together(system_of([SeparateWays("sales", "billing")])) as app:
        assert await app.send(Charge()) == 1


def test_message_of_a_module_that_is_imported_after_the_start_is_judged_when_it_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = system_of([CustomerSupplier(supplier="billing", customer="sales")]).model()
    reach = reaches_of(model, ["sales"])["sales"]
    late: dict[str, type[Any]] = {}
    for context in ("billing", "stock"):
        module = ModuleType(f"late_{context}")
        module.__dict__.update(__context__=context, Query=Query)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec("class Fee(Query[int]): ...", vars(module))
        late[context] = vars(module)["Fee"]
    reach.require(late["billing"], "calls")
    assert late["billing"] in reach.covered, "judged once"
    with pytest.raises(NotCovered, match="calls Fee of 'stock', and no relation covers it"):
        reach.require(late["stock"], "calls")
    assert late["stock"] not in reach.covered
