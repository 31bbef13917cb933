"""HTTP: an ASGI application made from the routes that contexts declare."""

from remit.edges.http.app import HttpEdge
from remit.edges.http.request import DRAINED, answer_before_request

__all__ = ["DRAINED", "HttpEdge", "answer_before_request"]
