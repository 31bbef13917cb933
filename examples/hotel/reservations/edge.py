"""The HTTP edge of reservations."""

from hotel.reservations import api
from remit.edges import HttpEdge

edge = HttpEdge("reservations")
edge.get("/guests/{guest}", api.GuestProfile)
edge.put("/guests/{guest}/card", api.BecomeMember)
edge.post("/guests/{guest}/holds", api.HoldNight, status=201)
edge.delete("/guests/{guest}/holds/{room}/{night}", api.CancelHold, refusals={api.NotHeld: 404})
edge.post("/guests/{guest}/arrivals", api.CheckIn, refusals={api.NotHeld: 404})
edge.get("/rooms/{room}/nights/{night}", api.NightOf)
edge.get("/houses/{house}/days/{day}", api.DailySheet)
edge.post("/houses/{house}/days/{day}/closing", api.CloseDay)
