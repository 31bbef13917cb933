"""The HTTP edge of checkout."""

from remit.edges import HttpEdge
from webshop_checkout_api import FindOrder, NoSuchOrder, PaymentDeclined, PayOrder, PlaceOrder

edge = HttpEdge("checkout")
edge.post("/orders", PlaceOrder, status=201)
edge.post("/orders/{order}/payment", PayOrder, refusals={NoSuchOrder: 404, PaymentDeclined: 402})
edge.get("/orders/{order}", FindOrder, refusals={NoSuchOrder: 404})
