"""What a projection has missed for ever: messages of its source that were deleted before it had folded them.

A reaction begins with what is there, and that is all it is for. The documents of a projection are the fold of all
messages, so one that misses some is incomplete, and nothing that comes later mends it. That is noted in its store
(`Notes.missed`).
"""

from __future__ import annotations


def told_missed(source: str) -> str:
    """What is wrong with such a projection, in words."""
    return f"incomplete: messages of {source} were deleted before it had seen them"


def next_missed(name: str, source: str) -> str:
    """What settles it, once somebody has seen to it that nothing is missing."""
    return f"remit log accept {name} --source {source} --from here"
