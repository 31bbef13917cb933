"""The HTTP edge of inventory."""

from remit.edges import HttpEdge
from webshop_inventory_api import OnHand, ReceiveStock

edge = HttpEdge("inventory")
edge.post("/products/{product}/deliveries", ReceiveStock)
edge.get("/products/{product}/stock", OnHand)
