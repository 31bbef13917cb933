"""Where the outside comes in: each edge turns a foreign protocol into messages of the contexts, and replies back.

An edge is declared in a module of its own, which imports published languages and no context. What serves a protocol is
loaded by the process that does.
"""

from remit.contexts.edges import HttpEdge

__all__ = ["HttpEdge"]
