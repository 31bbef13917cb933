"""The HTTP edge of certification."""

from learning.certification.api import Certificates
from remit.edges import HttpEdge

edge = HttpEdge("certification")
edge.get("/students/{student}/certificates", Certificates)
