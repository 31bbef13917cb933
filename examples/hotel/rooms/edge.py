"""The HTTP edge of rooms."""

from hotel.rooms.api import OfferRoom, Rooms, WithdrawRoom
from remit.edges import HttpEdge

edge = HttpEdge("rooms")
edge.put("/rooms/{room}", OfferRoom)
edge.delete("/rooms/{room}", WithdrawRoom)
edge.get("/rooms", Rooms)
