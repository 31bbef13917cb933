"""A shared kernel declares no messages: what two contexts share is code, and messages belong to one context."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from remit.checks.legality import sound_relations
from remit.contexts import Model, SharedKernel
from remit.contexts.annotations import is_kind
from remit.contexts.declarations import line_of
from remit.errors import Findings
from remit.messages import Message


def check_kernels(model: Model, findings: Findings) -> None:
    for relation in sound_relations(model.relations):
        if isinstance(relation, SharedKernel) and relation.package:
            for message in _messages_in(relation.package):
                findings.report(
                    "relation.kernel-message", line_of(message),
                    f"the shared kernel {relation.package} declares the message {message.__name__}",
                    expected="no messages in a kernel: each belongs to one context, which may change it",
                    next="move it to the published language of the context that handles or publishes it",
                )  # fmt: skip


def _messages_in(package: str) -> Iterator[type[Message]]:
    """The messages that the loaded modules of a package declare."""
    for name in sorted(sys.modules):
        module: Any = sys.modules[name]
        if isinstance(module, ModuleType) and (name == package or name.startswith(f"{package}.")):
            values: list[Any] = list(vars(module).values())
            yield from (each for each in values if is_kind(each, Message) and each.__module__ == name)
