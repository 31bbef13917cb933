"""The HTTP edge of rooms."""

from hotel.rooms.api import OfferRoom, Rooms
from remit.edges import HttpEdge

edge = HttpEdge("rooms")
edge.post("/rooms", OfferRoom)
edge.get("/rooms", Rooms)
