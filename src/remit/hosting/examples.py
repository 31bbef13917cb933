"""The golden corpus: one example of each version of what a system stores privately, as files in the user's repository.

An example is written once, when its version is new, and stays as it is. A later release has to read it: by its classes,
and through its upcasters.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from remit.contexts import Context, Model
from remit.contexts.annotations import aggregates_of, is_kind, projections_of, records_of, sourced_of
from remit.errors import BadMessage, RemitError
from remit.hosting.samples import sample_of
from remit.messages import Codec, DomainEvent
from remit.messages.forms import describe
from remit.messages.stamps import stamp_of, stamped
from remit.runtime.upcasting import Upcasters, state_codec

_FILE = re.compile(r"(?P<name>\w+)\.(?P<state>state\.)?(?P<version>[1-9]\d{0,8})\.json")


class Kind(NamedTuple):
    """One version of a class, with its example."""

    file: str
    """The path of the example, in the folder of all examples."""
    type: Any


class Fault(NamedTuple):
    """An example that is missing, or that cannot be read."""

    file: str
    why: str


class Updated(NamedTuple):
    """The files that were written, those that were left as they were, and those that have to be written by hand."""

    written: list[str]
    kept: list[str]
    by_hand: list[Fault]


def kinds_of(model: Model) -> list[Kind]:
    """What the contexts of a model store privately, in the versions that its classes have, by the path."""
    found = {
        f"{contract.type.replace('.', '/', 1)}.{contract.version}.json": event
        for event, contract in model.contracts.items()
        if is_kind(event, DomainEvent) and event is not DomainEvent
    }
    for context in model.contexts:
        found |= {
            f"{context.name}/{each.__name__}.state.{each.__remit_version__}.json": each for each in _stored(context)
        }
    return [Kind(file, found[file]) for file in sorted(found)]


def _stored(context: Context[Any]) -> Iterator[Any]:
    """The classes whose states this release writes."""
    sourced = sourced_of(context)
    return (each for each in _read(context) if each not in sourced)


def _read(context: Context[Any]) -> Iterator[Any]:
    """The classes whose states this release reads. An event-sourced aggregate adopts the state of an older release."""
    yield from (each for each, _ in aggregates_of(context))
    yield from projections_of(context)
    yield from (each for each, _ in records_of(context))


def update_examples(model: Model, folder: Path, *, force: bool = False) -> Updated:
    """Writes an example of each version that has none yet. With `force`, writes all examples of the present versions
    anew. Raises `OSError`."""
    done = Updated([], [], [])
    for file, type in kinds_of(model):
        path = folder / file
        if path.exists() and not force:
            done.kept.append(file)
            continue
        fields = sample_of(describe(type))
        try:
            Codec[Any](type).decode(msgspec.json.encode(fields))
        except msgspec.MsgspecError as error:
            done.by_hand.append(Fault(file, str(error)))
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(fields, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
        done.written.append(file)
    return done


def check_examples(model: Model, folder: Path) -> list[Fault]:
    """The examples that are missing, and those that this release cannot read."""
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.json"))
    missing = [each.file for each in kinds_of(model) if each.file not in files]
    faults = [Fault(file, "there is no example of this version: remit examples update") for file in missing]
    readers = {context.name: _Reader(model, context) for context in model.contexts}
    for file in files:
        context, _, name = file.rpartition("/")
        form = _FILE.fullmatch(name)
        if form is None or context not in readers:
            faults.append(Fault(file, "no example has this name: CONTEXT/NAME.VERSION.json"))
            continue
        try:
            readers[context].read(form, (folder / file).read_bytes())
        except (msgspec.MsgspecError, RemitError) as error:
            faults.append(Fault(file, error.what if isinstance(error, RemitError) else str(error)))
    return faults


class _Reader:
    """Reads the examples of one context."""

    def __init__(self, model: Model, context: Context[Any]) -> None:
        self._context = context
        self._upcasters = Upcasters(context.upcasters, context.name)
        self._events: Mapping[tuple[str, int], Any] = {
            (contract.type, contract.version): event
            for event, contract in model.contracts.items()
            if is_kind(event, DomainEvent) and model.owners[event] == context.name
        }
        self._states = {each.__name__: each for each in _read(context)}

    def read(self, form: re.Match[str], payload: bytes) -> None:
        """Raises `msgspec.MsgspecError` and `RemitError`."""
        version = int(form["version"])
        if form["state"]:
            self._read_state(form["name"], version, payload)
            return
        for type, newest, fields in self._upcasters.newest(f"{self._context.name}.{form['name']}", version, payload):
            event = self._events.get((type, newest))
            if event is None:
                raise BadMessage(f"nothing reads {type} version {newest}: declare an upcaster for it")
            Codec[Any](event).read(fields)

    def _read_state(self, name: str, version: int, payload: bytes) -> None:
        state = self._states.get(name)
        if state is None:
            raise BadMessage(f"no aggregate, projection or record is named {name}")
        fields = msgspec.json.encode(msgspec.json.decode(payload))
        state_codec(state, self._context.upcasters).restore(stamped(stamp_of(version), fields))
