"""HTTP: an ASGI application made from the routes that contexts declare."""

from remit.edges.http.app import HttpEdge

__all__ = ["HttpEdge"]
