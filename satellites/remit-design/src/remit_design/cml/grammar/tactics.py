"""The tactical part of the grammar: aggregates, modules, the application layer, and the objects inside of them."""

from __future__ import annotations

from remit_design.cml import words
from remit_design.cml.grammar import operations, properties
from remit_design.cml.grammar.kinds import EVENTS, OBJECTS, OPERATIONS, REPOSITORIES, SERVICES
from remit_design.cml.reader import Part, Reader, Setting
from remit_design.cml.tree import Node

AGGREGATE_SETTINGS = {
    "responsibilities": Setting("responsibilities", "texts"),
    "useCases": Setting("userRequirements", "names", ("UseCase",)),
    "userStories": Setting("userRequirements", "names", ("UserStory",)),
    "features": Setting("userRequirements", "names", ("UseCase", "UserStory")),
    "userRequirements": Setting("userRequirements", "names", ("UseCase", "UserStory")),
    "owner": Setting("owner", "name", ("BoundedContext",)),
    "knowledgeLevel": Setting("knowledgeLevel", "word", words.KNOWLEDGE),
    "likelihoodForChange": Setting("likelihoodForChange", "word", words.VOLATILITY),
    "structuralVolatility": Setting("likelihoodForChange", "word", words.VOLATILITY),
    "contentVolatility": Setting("contentVolatility", "word", words.VOLATILITY),
    "availabilityCriticality": Setting("availabilityCriticality", "word", words.CRITICALITY),
    "consistencyCriticality": Setting("consistencyCriticality", "word", words.CRITICALITY),
    "storageSimilarity": Setting("storageSimilarity", "word", words.SIMILARITY),
    "securityCriticality": Setting("securityCriticality", "word", words.CRITICALITY),
    "securityZone": Setting("securityZone"),
    "securityAccessGroup": Setting("securityAccessGroup"),
}
HINT = {"hint": Setting("hint", equals="must")}
GAP = {"gap": Setting("gap", "flag", equals="never"), "nogap": Setting("nogap", "flag", equals="never")}
PACKAGE = {"package": Setting("package", "path", equals="must")}

_CLASS = {
    **GAP,
    **HINT,
    **{
        word: Setting(word, "flag", equals="never")
        for word in ("optimisticLocking", "auditable", "cache", "scaffold", "immutable", "persistent", "aggregateRoot")
    },
    **{
        word: Setting(word, equals="must")
        for word in (
            *("databaseTable", "discriminatorValue", "discriminatorColumn", "discriminatorLength", "validate"),
        )
    },
    "discriminatorType": Setting("discriminatorType", "word", ("STRING", "CHAR", "INTEGER"), "must"),
    "inheritanceType": Setting("inheritanceType", "word", ("JOINED", "SINGLE_TABLE"), "must"),
}
_DENIABLE = ("optimisticLocking", "auditable", "cache", "immutable", "persistent")
_EXTENDED = {"Trait": (), "BasicType": ()}


def aggregate(reader: Reader, parent: Node) -> None:
    """`Aggregate Orders { Entity Order { aggregateRoot } }`"""
    node = _declared(reader, parent, "Aggregate")
    reader.body(node, AGGREGATE_SETTINGS, CONTENTS)


def module(reader: Reader, parent: Node) -> None:
    """`Module orders { basePackage = shop.orders Aggregate Orders }`"""
    node = _declared(reader, parent, "Module")
    settings = {
        "external": Setting("external", "flag", equals="never"),
        "basePackage": Setting("basePackage", "path", equals="must"),
        **HINT,
    }
    reader.body(node, settings, {**CONTENTS, "Aggregate": aggregate})


def application(reader: Reader, parent: Node) -> None:
    """`Application { Command PlaceOrder Flow Ordering { … } }`"""
    if parent.of("Application"):
        raise reader.wrong("one application for each bounded context")
    line = reader.line
    reader.expect("Application")
    node = parent.add("Application", reader.step().text if reader.at_kind("name") else "", line)
    parts = {
        **dict.fromkeys(("Command", "CommandEvent", "DomainEvent", "Event"), domain_object),
        "Service": service,
        "Flow": flow,
        "Coordination": coordination,
    }
    reader.body(node, {}, parts)


def _declared(reader: Reader, parent: Node, kind: str, *keywords: str) -> Node:
    """The head of a node before which a text and `abstract` may stand."""
    doc = reader.text() if reader.at_kind("text") else ""
    abstract = reader.accept("abstract")
    node = reader.declared(parent, kind, *keywords)
    if doc:
        node.values["doc"] = doc
    if abstract:
        node.flags.add("abstract")
    return node


def domain_object(reader: Reader, parent: Node) -> None:
    """An entity, value object, event, command, trait, basic type or data transfer object."""
    doc = reader.text() if reader.at_kind("text") else ""
    abstract = reader.accept("abstract")
    line, keyword = reader.line, reader.step().text
    kind = {"Event": "DomainEvent", "CommandEvent": "Command"}.get(keyword, keyword)
    node = parent.add(kind, reader.name(), line)
    if doc:
        node.values["doc"] = doc
    if abstract:
        node.flags.add("abstract")
    if reader.accept("extends"):
        if reader.accept("@"):
            reader.link(node, "extends", kind)
        else:
            node.values["extends"] = reader.path()
    while reader.accept("with"):
        reader.accept("@")
        reader.link(node, "traits", "Trait")
    if reader.accept("{"):
        _class_body(reader, node)


def _class_body(reader: Reader, node: Node) -> None:
    if reader.at("package") and reader.at("=", steps=1):
        reader.setting(node, PACKAGE)
    while _class_setting(reader, node):
        pass
    while not reader.accept("}"):
        if reader.at("Repository", steps=1 if reader.at_kind("text") else 0):
            repository(reader, node)
            reader.expect("}")
            return
        properties.member(reader, node)


def _class_setting(reader: Reader, node: Node) -> bool:
    if reader.accept("not", "!"):
        node.flags.add(f"not {reader.expect(*_DENIABLE)}")
        return True
    if reader.accept("belongsTo"):
        reader.accept("@")
        reader.link(node, "belongsTo", *EVENTS, "Entity", "ValueObject")
        return True
    return reader.setting(node, _CLASS)


def enum(reader: Reader, parent: Node) -> None:
    """`enum Status { OPEN, CLOSED }`; attributes stand before the values."""
    node = _declared(reader, parent, "enum")
    reader.expect("{")
    settings = {
        **PACKAGE,
        **HINT,
        "aggregateLifecycle": Setting("aggregateLifecycle", "flag", equals="never"),
        "ordinal": Setting("ordinal", "flag", equals="never"),
    }
    while reader.setting(node, settings):
        pass
    while _begins_attribute(reader):
        properties.enum_attribute(reader, node)
    _enum_value(reader, node)
    while reader.accept(","):
        _enum_value(reader, node)
    reader.accept(";")
    reader.expect("}")


def _begins_attribute(reader: Reader) -> bool:
    steps = 1 if reader.at_kind("text") else 0
    if reader.at(*words.PRIMITIVES, steps=steps):
        return True
    return reader.at_kind("name", steps=steps) and (
        reader.at_kind("name", steps=steps + 1) or reader.at(".", steps=steps + 1)
    )


def _enum_value(reader: Reader, parent: Node) -> None:
    if reader.at_kind("text"):
        reader.step()
    line = reader.line
    node = parent.add("EnumValue", reader.name(), line)
    if reader.accept("("):
        node.lists["parameters"] = [_enum_parameter(reader)]
        while reader.accept(","):
            node.lists["parameters"].append(_enum_parameter(reader))
        reader.expect(")")


def _enum_parameter(reader: Reader) -> str:
    if not reader.at_kind("text", "number"):
        raise reader.wrong("a text or a number")
    return reader.step().text


def _dependencies(reader: Reader, node: Node) -> None:
    while reader.accept(">", "inject"):
        if reader.accept("@"):
            reader.link(node, "dependencies", *SERVICES, *REPOSITORIES)
        else:
            reader.name()


def service(reader: Reader, parent: Node) -> None:
    """`Service Pricing { Money priceOf(@Order order); }`"""
    node = _declared(reader, parent, "Service")
    if not reader.accept("{"):
        return
    settings = {**GAP, **HINT, "webservice": Setting("webservice", "flag", equals="never")}
    while reader.setting(node, settings) or operations.subscription(reader):
        pass
    _dependencies(reader, node)
    while not reader.accept("}"):
        if properties.begins_association(reader):
            properties.association(reader, node)
        else:
            operations.operation(reader, node, "ServiceOperation")


def repository(reader: Reader, parent: Node) -> None:
    """`Repository OrderRepository { @Order find(OrderId id); }`"""
    node = _declared(reader, parent, "Repository")
    if not reader.accept("{"):
        return
    while reader.setting(node, {**GAP, **HINT}) or operations.subscription(reader):
        pass
    _dependencies(reader, node)
    while not reader.accept("}"):
        operations.operation(reader, node, "RepositoryOperation")


def _resource(reader: Reader, parent: Node) -> None:
    node = _declared(reader, parent, "Resource")
    if not reader.accept("{"):
        return
    scaffold = {"scaffold": Setting("scaffold", "flag", equals="never"), "path": Setting("path", equals="must")}
    while reader.setting(node, {**GAP, **HINT, **scaffold}):
        pass
    _dependencies(reader, node)
    while not reader.accept("}"):
        operations.operation(reader, node, "ResourceOperation")


def _consumer(reader: Reader, parent: Node) -> None:
    node = _declared(reader, parent, "Consumer")
    reader.expect("{")
    reader.setting(node, HINT)
    _dependencies(reader, node)
    if reader.accept("unmarshall to"):
        reader.accept("@")
        reader.link(node, "messageRoot", *EVENTS, "Entity", "ValueObject")
    while True:
        if reader.accept("queueName", "topicName"):
            reader.expect("=")
            reader.path("./:")
        elif not operations.subscription(reader):
            break
    reader.expect("}")


CONTENTS: dict[str, Part] = {
    "Service": service,
    "Resource": _resource,
    "Consumer": _consumer,
    "enum": enum,
    **dict.fromkeys(("Command", "CommandEvent", "DomainEvent", "Event", *OBJECTS), domain_object),
}
CONTENTS["enum"] = enum


def flow(reader: Reader, parent: Node) -> None:
    """`Flow Ordering { command PlaceOrder delegates to Orders emits event OrderPlaced }`"""
    node = reader.declared(parent, "Flow")
    if not reader.accept("{"):
        return
    while not reader.accept("}"):
        step = node.add("FlowStep", "", reader.line)
        if reader.accept("event"):
            reader.links(step, "event", "DomainEvent", between=("+",))
            reader.expect("triggers")
            field = reader.expect("command", "operation")
            _alternatives(reader, step, field, ("Command",) if field == "command" else OPERATIONS[:1])
        else:
            _production(reader, step)


def _production(reader: Reader, step: Node) -> None:
    step.flags.add("produces")
    field = reader.expect("command", "operation")
    reader.link(step, field, *(("Command",) if field == "command" else OPERATIONS[:1]))
    if reader.accept("["):
        reader.expect("initiated by")
        step.values["actor"] = reader.text()
        reader.expect("]")
    if reader.accept("delegates to"):
        reader.link(step, "delegate", "Aggregate")
        operations.transition(reader, step)
    reader.expect("emits event")
    _alternatives(reader, step, "emits", ("DomainEvent",))


def _alternatives(reader: Reader, step: Node, field: str, kinds: tuple[str, ...]) -> None:
    reader.link(step, field, *kinds)
    for signs in (("+",), ("X", "x"), ("O", "o")):
        if reader.at(*signs):
            while reader.accept(*signs):
                reader.link(step, field, *kinds)
            return


def coordination(reader: Reader, parent: Node) -> None:
    """`Coordination Checkout { Orders::Ordering::place; }`"""
    node = reader.declared(parent, "Coordination")
    if not reader.accept("{"):
        return
    while not reader.accept("}"):
        step = node.add("CoordinationStep", "", reader.line)
        reader.link(step, "context", "BoundedContext")
        reader.expect("::")
        reader.link(step, "service", "Service")
        reader.expect("::")
        reader.link(step, "operation", "ServiceOperation")
        reader.expect(";")
