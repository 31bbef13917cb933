"""Operations of services, repositories, resources and domain objects; types of parameters; state transitions."""

from __future__ import annotations

from remit_design.cml import words
from remit_design.cml.grammar.kinds import EVENTS, OBJECTS, REPOSITORIES, SERVICES
from remit_design.cml.reader import Reader, Setting
from remit_design.cml.tree import Node

_HINT = {"hint": Setting("hint", equals="must")}
_TAILS = {
    "ServiceOperation": _HINT,
    "DomainObjectOperation": _HINT,
    "ResourceOperation": {
        **_HINT,
        "path": Setting("path", equals="must"),
        "return": Setting("return", equals="must"),
        **{word: Setting("method", "flag", equals="never") for word in ("GET", "POST", "PUT", "DELETE")},
    },
    "RepositoryOperation": {
        **_HINT,
        **{
            word: Setting(word, "flag", equals="never")
            for word in ("cache", "gap", "nogap", "construct", "build", "map")
        },
        **{word: Setting(word, equals="must") for word in ("query", "condition", "select", "groupBy", "orderBy")},
    },
}


def operation(reader: Reader, parent: Node, kind: str) -> None:
    """`@Order find(OrderId id) throws NotFound;`. In a domain object, `def` stands before it."""
    if reader.at_kind("text"):
        reader.step()
    line = reader.line
    if kind == "DomainObjectOperation":
        reader.expect("def", "*")
        reader.accept("abstract")
    reader.accept(*words.VISIBILITIES)
    node = Node(kind, "", line, parent=parent, file=parent.file)
    if not reader.accept("void") and not _begins_name(reader):
        type_of(reader, node)
    node.name = reader.name("a name (operation)")
    parent.children.append(node)
    if reader.accept("("):
        _parameters(reader, node)
    while _tail(reader, node):
        pass
    _delegate(reader, node)
    if reader.accept(":"):
        node.flags.add(reader.expect("read-only", "write"))
        if "write" in node.flags:
            transition(reader, node)
    reader.expect(";")


def _begins_name(reader: Reader) -> bool:
    """True if the next name is that of the operation, and no type stands before it."""
    return reader.at_kind("name") and not (reader.at_kind("name", steps=1) or reader.at(".", "<", steps=1))


def _parameters(reader: Reader, node: Node) -> None:
    while not reader.accept(")"):
        if node.of("Parameter") or reader.at(","):
            reader.expect(",")
        if reader.at_kind("text"):
            reader.step()
        parameter = Node("Parameter", "", reader.line, parent=node, file=node.file)
        type_of(reader, parameter)
        parameter.name = reader.name()
        node.children.append(parameter)


def _tail(reader: Reader, node: Node) -> bool:
    if reader.accept("throws"):
        reader.path()
        while reader.accept(","):
            reader.path()
        return True
    if reader.at("publish") and node.kind in ("ServiceOperation", "RepositoryOperation"):
        return _publish(reader, node)
    return reader.setting(node, _TAILS[node.kind])


def _publish(reader: Reader, node: Node) -> bool:
    reader.expect("publish")
    if reader.accept("@") or reader.at_kind("name"):
        reader.link(node, "publishes", *EVENTS)
    _channel(reader)
    return True


def _channel(reader: Reader) -> None:
    reader.expect("to")
    reader.path("./:")
    if reader.accept("eventBus"):
        reader.expect("=")
        reader.name()


def subscription(reader: Reader) -> bool:
    """Reads `subscribe to TOPIC` if it comes next."""
    if not reader.accept("subscribe"):
        return False
    _channel(reader)
    return True


def _delegate(reader: Reader, node: Node) -> None:
    if not reader.accept("=>", "delegates to"):
        return
    if node.kind == "RepositoryOperation":
        if not reader.accept("AccessObject"):
            reader.name()
        return
    reader.accept("@")
    reader.link(node, "delegate", *SERVICES, *REPOSITORIES)
    reader.expect(".")
    reader.link(node, "delegateOperation", "ServiceOperation", "RepositoryOperation")


def plain_type(reader: Reader) -> str:
    """Reads a type that is no collection: a primitive one, or a dotted name."""
    return reader.step().text if reader.at(*words.PRIMITIVES) else reader.path()


def type_of(reader: Reader, node: Node) -> None:
    """Reads a type into the node: `@Order`, `String`, `List<@Order>`, `Map<Key, @Order>`, `Page<@Order>`."""
    if reader.at(*words.COLLECTIONS):
        node.values["collection"] = reader.step().text
        reader.expect("<")
        _element(reader, node)
        reader.expect(">")
    elif reader.accept("Map"):
        node.values["collection"] = "Map"
        reader.expect("<")
        if reader.accept("@"):
            reader.link(node, "keyType", *OBJECTS)
        else:
            plain_type(reader)
        reader.expect(",")
        _element(reader, node)
        reader.expect(">")
    else:
        _element(reader, node)


def _element(reader: Reader, node: Node) -> None:
    if reader.accept("@"):
        reader.link(node, "type", *OBJECTS)
        return
    node.values["type"] = plain_type(reader)
    if reader.accept("<"):
        reader.expect("@")
        reader.link(node, "type", *OBJECTS)
        reader.expect(">")


def transition(reader: Reader, parent: Node) -> None:
    """Reads `[OPEN -> PAID X CANCELLED*]` if it comes next."""
    if not reader.accept("["):
        return
    node = parent.add("StateTransition", "", reader.line)
    if not reader.at("->"):
        reader.links(node, "from", "EnumValue")
    reader.expect("->")
    reader.link(node, "to", "EnumValue")
    reader.accept("*")
    while reader.accept("X", "x"):
        reader.link(node, "to", "EnumValue")
        reader.accept("*")
    reader.expect("]")
