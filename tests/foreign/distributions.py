"""Distributions as pip leaves them behind: packages, and beside each the metadata with its entry points."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

__all__ = ["OURS", "ROOMS", "installed", "offer"]

HERE = Path(__file__).parent
OURS: Mapping[str, Mapping[str, str]] = {
    "remit_shelf": {"remit.stores": "shelf = remit_shelf:SHELF"},
    "remit_sockets": {"remit.channels": "sockets = remit_sockets:SOCKETS"},
}
"""The distributions beside this file, each with its entry points by group."""
ROOMS = {"remit.errors", "remit.log", "remit.messages", "remit.stores", "remit.transports"}
"""What is public for who adds a technology."""


def installed(site: Path) -> Path:
    """A folder in which both are installed."""
    for package, groups in OURS.items():
        offer(site, package, groups)
        (site / package).symlink_to(HERE / package)
    return site


def offer(site: Path, name: str, groups: Mapping[str, str]) -> None:
    """The metadata of a distribution with these entry points."""
    metadata = site / f"{name}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("\n".join(f"[{group}]\n{line}" for group, line in groups.items()))
