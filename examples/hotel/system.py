"""The context map of the hotel. Start it with `remit run hotel.system:hotel`."""

from remit import System
from remit.relations import CustomerSupplier

hotel = System(
    "hotel",
    contexts={"rooms": "hotel.rooms.handlers:rooms", "reservations": "hotel.reservations.handlers:reservations"},
    edges={"rooms": "hotel.rooms.edge:edge", "reservations": "hotel.reservations.edge:edge"},
    relations=[CustomerSupplier(supplier="rooms", customer="reservations")],
)
