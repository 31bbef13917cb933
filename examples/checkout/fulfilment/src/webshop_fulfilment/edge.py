"""The HTTP edge of fulfilment."""

from remit.edges import HttpEdge
from webshop_fulfilment_api import FindShipment, NoSuchShipment

edge = HttpEdge("fulfilment")
edge.get("/shipments/{order}", FindShipment, refusals={NoSuchShipment: 404})
