"""The page of the Python API agrees with the source: its names, signatures, parameters, methods and errors."""

import inspect
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

import remit
from remit import contexts, edges, errors, foreign, hosting, relations, testing, values
from remit.advisor import CallRecorder
from remit.edges.http import HttpApp
from remit.testing.answers import On
from remit.testing.outcome import Answered, Folded, Published
from remit.testing.starting import Starting
from remit.testing.steps import Given, GivenContext, GivenProjection
from tests.docs.pages import ROOT, blocks

PAGE = ROOT / "docs" / "reference" / "api.md"
SECTION = re.compile(r"^### `(?P<name>\w+)`\n(?P<body>.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
ERROR_ROW = re.compile(r"^\| `(?P<name>[A-Z]\w+)` \| `(?P<base>[A-Z]\w+)` \|", re.MULTILINE)
ROW = re.compile(r"^\| (?P<first>`[^|]*`) \|(?P<rest>.*)$", re.MULTILINE)
SPAN = re.compile(r"`([^`]+)`")
CALL = re.compile(r"(?P<name>\.?\w+)\((?P<parameters>.*)\)", re.DOTALL)
OPTIONS = re.compile(r"Class options: (?P<options>[^.,;]*(?:, [^.,;]*)*)[.,]")

NAMES: dict[str, Any] = {
    **{name: getattr(remit, name) for name in remit.__all__},
    **{name: getattr(relations, name) for name in relations.__all__},
    **{name: getattr(values, name) for name in values.__all__},
    **{name: getattr(foreign, name) for name in foreign.__all__},
    **{name: getattr(edges, name) for name in edges.__all__},
    **{name: getattr(hosting, name) for name in hosting.__all__},
    **{name: getattr(testing, name) for name in testing.__all__},
    "HttpApp": HttpApp,
    "CallRecorder": CallRecorder,
    "Interceptor": contexts.Interceptor,
    "Invocation": contexts.Invocation,
}
"""Every public name but the errors."""
STEPS = (Given, GivenContext, GivenProjection, On)
RETURNED = {
    "given": STEPS, "running": (Starting,), "alone": (Starting,),
    "Outcome": (testing.Outcome, Answered, Published, Folded),
}  # fmt: skip
"""Classes without a public name, whose methods are told with the name that gives them."""
MADE = {
    "Context", "System", "HttpEdge", "HttpApp", "Double", "MovableClock", "VirtualLoop", "given", "running", "alone",
    "Upcast", "require_examples", "field", "CallRecorder", "AtLeast", "AtMost", "Between", *relations.__all__,
    "Freshness", *foreign.__all__, *values.__all__,
} - {"Relation", "Gateway", "Signature", "Source"}  # fmt: skip
"""What a user calls. Others are bases, or are given to a user."""
VALUES: dict[str, Any] = {"NODEFAULT": msgspec.NODEFAULT, "timedelta": timedelta, "datetime": datetime, "UTC": UTC}
"""What stands in signatures beside literals."""

page = PAGE.read_text()
sections = {match["name"]: match["body"] for match in SECTION.finditer(page)}


def test_every_public_name_has_its_section_and_no_other() -> None:
    assert [match["name"] for match in SECTION.finditer(page)] == list(sections)
    assert set(sections) == set(NAMES)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_signature_is_that_of_the_source(name: str) -> None:
    for shown, parameters in signatures(sections[name]):
        found = [each for each in subjects(name, shown) if each is not None]
        assert found, f"{name} has no {shown}"
        assert any(parameters == parameters_of(each) for each in found), f"{name}: {shown}{parameters_of(found[0])}"


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_method_and_constructor_is_told_and_no_other(name: str) -> None:
    told = {shown for shown, _ in signatures(sections[name])} | set(attributes(sections[name]))
    expected = {f".{member}" for each in classes(name) for member in members(each)}
    assert told - expected - MADE == set()
    assert expected - told == set()
    assert name not in MADE or name in told


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_parameter_that_may_be_named_is_told(name: str) -> None:
    """Beside the signature: as itself, or with a value."""
    described = {re.match(r"\w*", span)[0] for span in SPAN.findall(without_signatures(sections[name]))}  # type: ignore[index]  # it matches always
    wanted = {
        each.name
        for _, parameters in signatures(sections[name])
        for each in parameters
        if each.kind is inspect.Parameter.KEYWORD_ONLY
    }
    assert wanted - described - NAMED_ELSEWHERE == set()


NAMED_ELSEWHERE = {"has_sockets", "real"}
"""Of what only the event loop itself calls."""


@pytest.mark.parametrize(
    "base",
    [
        remit.Command, remit.Query, remit.DomainEvent, remit.IntegrationEvent, remit.Value, remit.Record,
    ],
)  # fmt: skip
def test_every_class_option_is_told_and_no_other(base: Any) -> None:
    told = OPTIONS.search(sections[base.__name__])
    assert told is not None
    with pytest.raises(TypeError) as raised:
        type(base)("Made", (base,), {}, nonsense=1)
    known = str(raised.value).partition("Options: ")[2]
    assert set(SPAN.findall(told["options"])) >= set(known.split(", "))
    assert set(re.findall(r"`(\w+)`", told["options"])) <= {*known.split(", "), "Value"}


def test_every_error_has_its_row_with_its_base_and_no_other() -> None:
    told = {match["name"]: match["base"] for match in ERROR_ROW.finditer(page)}
    classes = {value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)}
    made = {each.__name__: each.__base__.__name__ for each in classes if each.__module__ == errors.__name__}  # type: ignore[union-attr]  # only `object` has none
    assert told == made


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_error_that_a_docstring_names_is_told(name: str) -> None:
    """What is true of the methods of a class may stand before all of them, in its section."""
    named = {found for each in documented(name) for found in SPAN.findall(inspect.getdoc(each) or "")}
    raised = {each for each in named if isinstance(getattr(errors, each, None), type) or each == "KitError"}
    assert {each for each in raised if f"`{each}`" not in sections[name]} == set()


def test_every_name_stands_in_an_example() -> None:
    code = "\n".join(each.body for each in blocks(page, "api.md") if each.language == "python")
    assert [name for name in NAMES if not re.search(rf"\b{name}\b", code)] == []


def test_a_wrong_signature_is_noticed() -> None:
    (shown,) = signatures("| `.send(command, /, *, deadline=10, key=None)` | sends |\n")
    assert shown[0] == ".send"
    assert shown[1] != parameters_of(hosting.SyncSender.send)
    (shown,) = signatures("| `.send(command, /, *, deadline=None, key=None)` | sends |\n")
    assert shown[1] == parameters_of(hosting.SyncSender.send)


def signatures(body: str) -> Iterator[tuple[str, list[inspect.Parameter]]]:
    """The signatures in the first column of the tables of a section."""
    for row in ROW.finditer(body):
        for span in SPAN.findall(row["first"]):
            call = CALL.fullmatch(span)
            if call is not None:
                made: dict[str, Any] = {}
                exec(f"def shown({call['parameters']}): ...", VALUES, made)
                yield call["name"], list(inspect.signature(made["shown"]).parameters.values())


def attributes(body: str) -> Iterator[str]:
    """What is told without a signature, in the same column."""
    for row in ROW.finditer(body):
        yield from (span for span in SPAN.findall(row["first"]) if re.fullmatch(r"\.\w+", span))


def without_signatures(body: str) -> str:
    return ROW.sub(lambda row: row["rest"] if "(" in row["first"] else row[0], body)


def subjects(name: str, shown: str) -> list[Any]:
    """What a signature of a section may be that of."""
    if not shown.startswith("."):
        return [NAMES[name]] if shown == name else []
    return [getattr(each, shown[1:], None) for each in classes(name)]


def classes(name: str) -> tuple[Any, ...]:
    if name in RETURNED:
        return RETURNED[name]
    return (NAMES[name],) if isinstance(NAMES[name], type) else ()


def documented(name: str) -> list[Any]:
    methods = [getattr(each, member, None) for each in classes(name) for member in members(each)]
    return [NAMES[name], *classes(name), *(each for each in methods if callable(each))]


def members(cls: type) -> set[str]:
    """Public methods and properties that remit gives a class; of a dataclass that a user reads, its fields too."""
    found: set[str] = set()
    for each in cls.__mro__:
        if each.__module__.startswith("remit.") and each not in BASES - {cls}:
            found |= {name for name, value in vars(each).items() if not name.startswith("_") and is_told(value)}
    if BASES.isdisjoint(cls.__mro__):
        found |= {name for name in getattr(cls, "__dataclass_fields__", ()) if not name.startswith("_")}
    return found


BASES: set[type] = {*remit.Value.__bases__, remit.Refusal, errors.RemitError, relations.Relation}
"""What is inherited from these is told of all messages, errors and relations."""


def is_told(value: Any) -> bool:
    return inspect.isfunction(value) or isinstance(value, property | staticmethod)


def parameters_of(subject: Callable[..., Any]) -> list[inspect.Parameter]:
    """Names, kinds and defaults, without what a method is called on."""
    if subject is remit.Sender.attempt:
        subject = hosting.SyncSender.attempt  # the protocol has overloads only
    parameters = [each for each in inspect.signature(subject).parameters.values() if each.name != "self"]
    return [each.replace(annotation=inspect.Parameter.empty) for each in parameters]
