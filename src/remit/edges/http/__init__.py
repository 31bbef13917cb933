"""HTTP: an ASGI application made from the routes that edges declare."""

from remit.edges.http.app import HttpApp
from remit.edges.http.request import DRAINED, answer_before_request

__all__ = ["DRAINED", "HttpApp", "answer_before_request"]
