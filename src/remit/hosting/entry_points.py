"""Finds the places of contexts and edges by the entry points of installed distributions.

A context that is a distribution of its own says in its `pyproject.toml` where its `Context` and its `HttpEdge` are:

    [project.entry-points."remit.contexts"]
    billing = "shop_billing.handlers:billing"
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from remit.errors import Findings, nearest, one_of

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Installed: TypeAlias = "Mapping[str, Mapping[str, EntryPoint]]"
"""The entry points of a group: by name, and of each name by place."""


class Found(NamedTuple):
    """An entry point."""

    place: str
    """`module:attribute`"""
    distribution: str
    """The name and the version of the distribution that has it."""
    table: str
    """The table of its `pyproject.toml` in which it stands."""


def read_installed(option: str, where: str, findings: Findings) -> Installed | None:
    """The entry points in the group `remit.<option>` of all distributions. Imports none of them. None if they cannot be
    read, which is reported as a finding at `where`."""
    from importlib.metadata import entry_points  # a slow import

    installed: dict[str, dict[str, EntryPoint]] = {}
    try:
        for point in entry_points(group=f"remit.{option}"):
            installed.setdefault(point.name, {})[point.value] = point
    except Exception as error:  # noqa: BLE001  # the metadata of any distribution may be broken in any way
        findings.report(
            "context.not-installed", where,
            f"the entry points of the installed distributions cannot be read: {type(error).__name__}: {error}",
            expected="lines name = module:attribute, in UTF-8, in entry_points.txt of each distribution",
            next="reinstall what is broken: python -c 'from importlib.metadata import entry_points; entry_points()'",
        )  # fmt: skip
        return None
    return installed


def find_place(installed: Installed, option: str, name: str, where: str, findings: Findings) -> Found | None:
    """The entry point of this name. None if there is not exactly one, which is reported as a finding at `where`."""
    group = f"remit.{option}"
    table = f'[project.entry-points."{group}"]'
    points = installed.get(name, {})
    if not points:
        others = sorted(installed)
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
    ((value, point),) = points.items()
    return Found(value, _distribution(point), table)


def _distribution(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "a distribution without metadata"
