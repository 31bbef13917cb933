"""The published language of rooms."""

__context__ = "rooms"

from typing import NewType

from remit import Command, IntegrationEvent, Query, Value

HouseId = NewType("HouseId", str)
RoomId = NewType("RoomId", str)


class OfferRoom(Command[None]):
    """Offers a room, or changes what is known of it."""

    room: RoomId
    house: HouseId
    beds: int = 2


class WithdrawRoom(Command[bool]):
    """Offers a room no longer. The reply says whether it was offered."""

    room: RoomId


class RoomLine(Value):
    room: RoomId
    house: HouseId
    beds: int


class Rooms(Query[list[RoomLine]]):
    """The first hundred rooms behind a room, in the order of their numbers."""

    after: RoomId | None = None


class RoomOffered(IntegrationEvent, version=1, key="room"):
    """A room can be held from now on."""

    room: RoomId
    house: HouseId


class RoomWithdrawn(IntegrationEvent, version=1, key="room"):
    """A room can no longer be held. Who holds it keeps it."""

    room: RoomId
