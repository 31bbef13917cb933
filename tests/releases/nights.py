"""The nights of a hotel, in the release in which a night may be occupied. In the one before it, it was only held."""

from typing import TypeAlias

from remit import Aggregate, Command, Context, DomainEvent, Projection, Query, Repository, System, Value, View


class Held(Value):
    guest: str


class Occupied(Value):
    guest: str


State: TypeAlias = Held | Occupied


class Put(Command[State]):
    night: str
    state: State


class Touch(Command[None]):
    night: str


class Placed(DomainEvent):
    night: str
    state: State


class Night(Aggregate[str, Placed]):
    state: State = Held(guest="nobody")
    count: int = 0


class Sheet(Projection[str, Placed]):
    state: State = Held(guest="nobody")

    @staticmethod
    def key(event: Placed) -> str:
        return event.night

    def evolve(self, event: Placed) -> None:
        self.state = event.state


class Shown(Query[State]):
    night: str


sales, depot = Context("sales"), Context("depot")
hotel = System("hotel", contexts=[sales, depot])


@sales.handle(Put)
async def put(command: Put, nights: Repository[Night]) -> State:
    night = await nights.obtain(command.night)
    night.state = command.state
    night.record(Placed(night=night.id, state=night.state))
    return night.state


@sales.handle(Touch)
async def touch(command: Touch, nights: Repository[Night]) -> None:
    (await nights.get(command.night)).count += 1


@sales.answer(Shown)
async def shown(query: Shown, sheets: View[Sheet]) -> State:
    return (await sheets.get(query.night)).state


sales.project(Sheet)
