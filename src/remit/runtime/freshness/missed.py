"""Projections that have missed messages: their source deleted messages before the projection had handled them.

A reaction that misses messages only reacts to later ones. A projection is built from all messages, so it stays
incomplete. That is noted in its store (`Notes.missed`).
"""

from __future__ import annotations


def told_missed(source: str) -> str:
    """Describes the fault of such a projection."""
    return f"incomplete: messages of {source} were deleted before it had seen them"


def next_missed(name: str, source: str) -> str:
    """The command that clears the note, once a person has made sure that nothing is missing."""
    return f"remit log accept {name} --source {source} --from here"
