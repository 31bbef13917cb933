"""Rooms keeps what it is told, and publishes it."""

from hotel.rooms.api import OfferRoom, Room, RoomOffered, Rooms
from remit import Context, Events, Records

rooms = Context(
    "rooms",
    owner="team-houses",
    language="language.md",
    keep=None,  # a context that follows later needs every room
)


@rooms.handle(OfferRoom)
async def offer(command: OfferRoom, kept: Records[Room], events: Events[RoomOffered]) -> None:
    await kept.put(command.room)
    events.publish(RoomOffered(room=command.room.id, house=command.room.house))


@rooms.answer(Rooms)
async def offered(query: Rooms, kept: Records[Room]) -> list[Room]:
    return await kept.page(after=query.after)
