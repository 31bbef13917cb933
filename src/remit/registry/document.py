"""The registry as JSON: the document of `remit map --json`, with its version."""

from __future__ import annotations

from typing import Any

import msgspec

from remit.registry.entries import Registry

FORMAT = 1
"""The version of the document. Fields may be added to it; a field that changes its meaning makes a new version."""


def map_document(registry: Registry) -> dict[str, Any]:
    """The document, as plain values."""
    made: dict[str, Any] = msgspec.to_builtins(registry)
    return {"format": FORMAT, **made}
