"""The HTTP edge of identity."""

from remit.edges import HttpEdge
from webshop_identity_api import RegisterUser

edge = HttpEdge("identity")
edge.put("/users/{user}", RegisterUser)
