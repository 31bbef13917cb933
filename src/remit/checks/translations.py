"""A translation is a plain function from a foreign message to commands of its context, and its source can be used."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple

from remit.checks.names import A_NAME, NAME
from remit.contexts import Context, Header, Model, Polled, Source, Translation, Webhook
from remit.contexts.annotations import first_parameter, hints_of, is_kind, name_of, unresolved
from remit.contexts.declarations import where
from remit.contexts.foreign import commands_in
from remit.contexts.model import is_within
from remit.errors import Finding, Findings, one_of
from remit.messages import Command, not_carried

_SHORTEST = timedelta(seconds=1)


def check_translations(model: Model, findings: Findings) -> None:
    for context in model.contexts:
        for each in context.translations:
            for code, what, expected, next in _faults(model, context, each):
                findings.append(Finding(code, where(each.function), what, expected, next))


def _faults(model: Model, context: Context[Any], each: Translation) -> Iterator[_Fault]:
    source: object = each.source
    if not isinstance(source, Webhook | Polled):
        yield _Fault(
            "translation.source", f"{source!r} is no source of foreign messages", "a Webhook or a Polled",
            f"@{context.name}.translate(Webhook(...))",
        )  # fmt: skip
        return
    same = [other for other in context.translations if getattr(other.source, "name", None) == each.source.name]
    if same[0] is not each:
        yield _Fault(
            "translation.source", f"two sources of {context.name} are named {each.source.name!r}",
            "one source per name", "rename one of them",
        )  # fmt: skip
    layers = model.layers_of(context.name, foreign=True)
    if layers and not is_within(each.function.__module__, layers):
        yield _Fault(
            "translation.module", f"{each.handler.name} stands in {each.function.__module__}, outside of the layer",
            one_of(sorted(layers)), "move it there: only an anti-corruption layer knows foreign messages",
        )  # fmt: skip
    yield from _source_faults(context, each.source)
    yield from _function_faults(model, context, each)


class _Fault(NamedTuple):
    code: str
    what: str
    expected: str
    next: str


def _source_faults(context: Context[Any], source: Source[Any]) -> Iterator[_Fault]:
    if not NAME.fullmatch(source.name):
        yield _Fault("translation.source", f"{source.name!r} cannot be the name of a source", A_NAME, "rename it")
    ordered = [name for name in ("version", "at") if getattr(source, name) is not None]
    if len(ordered) > 1 or (ordered and source.entity is None):
        yield _Fault(
            "translation.order", f"{source!r} has {' and '.join(ordered)}{'' if source.entity else ' without entity'}",
            "entity= and one of version= and at=", "name the thing that a message is about",
        )  # fmt: skip
    if isinstance(source, Webhook):
        path = source.path
        if path and (not path.startswith("/") or any(mark in path for mark in "{}?#")):
            yield _Fault(
                "translation.source", f"{path!r} is no path", "a path without placeholders", "path='/hooks/stripe'"
            )
        return
    if isinstance(source, Polled):
        yield from _polled_faults(context, source)


def _polled_faults(context: Context[Any], source: Polled[Any]) -> Iterator[_Fault]:
    if isinstance(source.key, Header):
        yield _Fault(
            "translation.source", f"{source!r} is known by a header, and a polled message has none",
            "a function of the message", "key=<function>",
        )  # fmt: skip
    if source.every < _SHORTEST or source.deadline <= timedelta():
        yield _Fault(
            "translation.source", f"{source!r} is fetched every {source.every}, within {source.deadline}",
            "at least every second, and time for each fetch", "every=timedelta(minutes=1)",
        )  # fmt: skip
    if not inspect.iscoroutinefunction(source.fetch):
        yield _Fault("translation.fetch", f"fetch of {source!r} is not async", "an async function", "write async def")
        return
    if (why := unresolved(source.fetch)) is not None:
        yield _Fault(
            "translation.fetch", f"the annotations of fetch cannot be read: {why}", "annotations", "correct them"
        )
        return
    hints, names = hints_of(source.fetch), [*inspect.signature(source.fetch).parameters]
    if not names:
        yield _Fault(
            "translation.fetch",
            f"fetch of {source!r} takes nothing",
            "the place behind which it fetches",
            "(after: str)",
        )
    for name in names[1:]:
        if hints.get(name) not in context.provided:
            yield _Fault(
                "translation.fetch", f"fetch asks for {name_of(hints.get(name))} by {name!r}, which nothing provides",
                one_of((service.__name__ for service in context.provided), "a service of the context"),
                f"{context.name}.provide({name_of(hints.get(name))}, <callable>)",
            )  # fmt: skip


def _function_faults(model: Model, context: Context[Any], each: Translation) -> Iterator[_Fault]:
    function, name = each.function, each.handler.name
    if inspect.iscoroutinefunction(function):
        yield _Fault(
            "translation.async", f"{name} is async", "a plain function: it decides, and calls nobody", "write def"
        )
    if (why := unresolved(function)) is not None:
        yield _Fault(
            "translation.message", f"the annotations of {name} cannot be read: {why}", "annotations", "correct them"
        )
        return
    first = first_parameter(function)
    if first is None or first[1] is Any or len(inspect.signature(function).parameters) != 1:
        yield _Fault(
            "translation.message", f"{name} does not take one foreign message",
            "one parameter, annotated with the type of the message", "class StripeEvent(Value): ...",
        )  # fmt: skip
    elif (odd := not_carried(first[1])) is not None:
        yield _Fault("translation.message", f"{name} takes {first[1]!r}: {odd}", "a type that JSON has", "use a Value")
    yield from _command_faults(model, context, each)


def _command_faults(model: Model, context: Context[Any], each: Translation) -> Iterator[_Fault]:
    name = each.handler.name
    made = [*commands_in(hints_of(each.function).get("return", Any))]
    if not made:
        yield _Fault("translation.commands", f"{name} returns no command", "commands", "annotate what it returns")
    for command in made:
        if not is_kind(command, Command):
            yield _Fault(
                "translation.commands", f"{name} may return {name_of(command)}", "commands or None", "return a command"
            )
        elif (owner := model.owner_of(command)) not in (None, context.name):
            yield _Fault(
                "translation.commands", f"{name} returns {command.__name__}, which belongs to {owner}",
                f"commands of {context.name}",
                f"translate into a command of {context.name}, whose handler goes on",
            )  # fmt: skip
