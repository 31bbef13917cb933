"""Finds the places of contexts and edges by the entry points of installed distributions.

A context that is a distribution of its own says in its `pyproject.toml` where its `Context` and its `HttpEdge` are:

    [project.entry-points."remit.contexts"]
    billing = "shop_billing.handlers:billing"
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from remit.errors import Findings, nearest, one_of

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


class Found(NamedTuple):
    """An entry point."""

    place: str
    """`module:attribute`"""
    distribution: str
    """The name and the version of the distribution that has it."""
    table: str
    """The table of its `pyproject.toml` in which it stands."""


def find_place(option: str, name: str, where: str, findings: Findings) -> Found | None:
    """The entry point of this name in the group `remit.<option>`. None if there is not exactly one, which is reported
    as a finding at `where`. Imports nothing."""
    from importlib.metadata import entry_points  # a slow import

    group = f"remit.{option}"
    table = f'[project.entry-points."{group}"]'
    points = {point.value: point for point in entry_points(group=group, name=name)}
    if not points:
        others = sorted({point.name for point in entry_points(group=group)})
        near = nearest(name, others)
        findings.report(
            "context.not-installed", where, f"no installed distribution has an entry point {name!r} in {group}",
            expected=one_of(others, f"an entry point in {group}, and none is installed"),
            next=f"did you mean {near!r}?"
            if near
            else f"install the distribution of {name!r} in this environment, or add to its pyproject.toml:"
            f' {table} {name} = "package.module:{"edge" if option == "edges" else name}"',
        )  # fmt: skip
        return None
    if len(points) > 1:
        offers = " and ".join(sorted(f"{_distribution(point)} ({point.value})" for point in points.values()))
        findings.report(
            "context.installed-twice", where,
            f"several distributions have an entry point {name!r} in {group}: {offers}",
            expected="one of them", next="pip uninstall all but one of them",
        )  # fmt: skip
        return None
    value, point = points.popitem()
    return Found(value, _distribution(point), table)


def _distribution(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "a distribution without metadata"
