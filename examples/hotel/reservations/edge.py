"""The HTTP edge of reservations."""

from hotel.reservations.api import (
    BecomeMember,
    CancelHold,
    CheckIn,
    CloseDay,
    DailySheet,
    GuestProfile,
    HoldNight,
    NightOf,
    NotHeld,
)
from remit.edges import HttpEdge

edge = HttpEdge("reservations")
edge.post("/guests/{guest}/holds", HoldNight, status=201)
edge.delete("/guests/{guest}/holds/{room}/{night}", CancelHold, refusals={NotHeld: 404})
edge.put("/guests/{guest}/membership", BecomeMember)
edge.get("/guests/{guest}", GuestProfile)
edge.post("/guests/{guest}/arrivals", CheckIn, refusals={NotHeld: 404})
edge.get("/rooms/{room}/nights/{night}", NightOf)
edge.get("/houses/{house}/days/{day}", DailySheet)
edge.post("/houses/{house}/days/{day}/closing", CloseDay)
