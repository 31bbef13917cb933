"""The HTTP edge of billing."""

from learning.billing.api import Invoices
from remit.edges import HttpEdge

edge = HttpEdge("billing")
edge.get("/students/{student}/invoices", Invoices)
