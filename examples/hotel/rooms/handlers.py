"""Rooms keeps what it is told, and tells who follows."""

from hotel.rooms.api import HouseId, OfferRoom, RoomId, RoomLine, RoomOffered, Rooms, RoomWithdrawn, WithdrawRoom
from remit import Context, Events, Record, Records

rooms = Context("rooms", owner="team-houses", keep=None)  # reservations has to learn of every room, whenever it begins


class Room(Record[RoomId]):
    house: HouseId
    beds: int


@rooms.handle(OfferRoom)
async def offer(command: OfferRoom, kept: Records[Room], events: Events[RoomOffered]) -> None:
    await kept.put(Room(id=command.room, house=command.house, beds=command.beds))
    events.publish(RoomOffered(room=command.room, house=command.house))


@rooms.handle(WithdrawRoom)
async def withdraw(command: WithdrawRoom, kept: Records[Room], events: Events[RoomWithdrawn]) -> bool:
    was_offered = await kept.delete(command.room)
    if was_offered:
        events.publish(RoomWithdrawn(room=command.room))
    return was_offered


@rooms.answer(Rooms)
async def rooms_of(query: Rooms, kept: Records[Room]) -> list[RoomLine]:
    return [RoomLine(room=each.id, house=each.house, beds=each.beds) for each in await kept.page(after=query.after)]
