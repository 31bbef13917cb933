"""HTTP: an ASGI application made from the routes that contexts declare."""

from remit.edges.http.app import HttpEdge
from remit.edges.http.request import answer_before_request

__all__ = ["HttpEdge", "answer_before_request"]
