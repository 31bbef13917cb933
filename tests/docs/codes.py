"""Which codes of findings a small program can show."""

SHOWN_ELSEWHERE = frozenset((
    "event.key-changed", "map.differs", "map.missing", "map.no-code", "model.invalid", "route.type", "source.loop",
    "store.no-sql", "topology.key-mismatch", "topology.missing", "topology.no-user", "topology.other-system",
    "topology.store-moved",
    "webhook.secret",
))  # fmt: skip
"""Codes that no program shows: a start reports them, or another command, or another code tells it first; or a file is
missing, is a link, or stands beside a system."""
