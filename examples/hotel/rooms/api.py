"""The published language of rooms."""

__context__ = "rooms"

from typing import NewType

from remit import Command, IntegrationEvent, Query, Record

HouseId = NewType("HouseId", str)
RoomId = NewType("RoomId", str)


class Room(Record[RoomId]):
    house: HouseId
    beds: int = 2


class OfferRoom(Command[None]):
    """Offers a room, or changes what is known of it."""

    room: Room


class Rooms(Query[list[Room]]):
    """The first hundred rooms after this one."""

    after: RoomId | None = None


class RoomOffered(IntegrationEvent, version=1, key="room"):
    room: RoomId
    house: HouseId
