"""The web shop as a registry of three contexts had it, which `remit check webshop.literal:literal` refuses.

Fulfilment consumes `InventoryReserved`, and none of the three publishes it. No shipment would ever leave. The remedy is
in `webshop.system`: a fourth context, inventory.
"""

from remit import System
from remit.relations import OpenHost

literal = System(
    "webshop",
    contexts=["checkout", "fulfilment", "identity"],
    edges=["checkout", "fulfilment", "identity"],
    relations=[
        OpenHost("identity", exposes=["RegisterUser", "UserRegistered"]),
        OpenHost("fulfilment", exposes=["ShipmentDispatched"]),
    ],
)
