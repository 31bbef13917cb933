"""The context map of the web shop. Start it with `remit run webshop.system:webshop`.

Contexts and edges are named, and found by the entry points of the distributions that are installed. So a service needs
the distribution of its own context, and of the others their published languages at most.

What a context needs of another one stands downstream, in its own distribution. Here stands what has no downstream side.
"""

from remit import System
from remit.relations import OpenHost

webshop = System(
    "webshop",
    contexts=["checkout", "fulfilment", "identity", "inventory"],
    edges=["checkout", "fulfilment", "identity", "inventory"],
    relations=[
        OpenHost("identity", exposes=["RegisterUser", "UserRegistered"]),
        OpenHost("fulfilment", exposes=["ShipmentDispatched"]),
    ],
)
