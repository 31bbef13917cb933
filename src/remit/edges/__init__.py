"""Edges: each converts an outside protocol into messages of the contexts, and replies back.

An edge is declared in a module of its own, which imports published languages and no context. The code that serves a
protocol is loaded only by the process that serves it.
"""

from remit.contexts.edges import HttpEdge

__all__ = ["HttpEdge"]
