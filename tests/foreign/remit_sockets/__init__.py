"""Calls over Unix sockets, as another distribution brings them. This package describes them; `calls` opens them."""

from remit.transports import ChannelTechnology

__all__ = ["SOCKETS"]


def _shown(url: str) -> str | None:
    return url if url.partition(":")[2].startswith("/") else None


SOCKETS = ChannelTechnology(
    name="sockets",
    title="Unix sockets",
    form="sockets:/FOLDER",
    schemes=("sockets",),
    calls="remit_sockets.calls:open_calls",
    finds_services=True,
    install="remit-sockets",
    shows=_shown,
)
