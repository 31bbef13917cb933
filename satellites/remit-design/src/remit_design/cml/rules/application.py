"""Flows, coordinations, and the states that operations go through."""

from __future__ import annotations

from remit.errors import Findings
from remit_design.cml.codes import say
from remit_design.cml.rules.maps import parties
from remit_design.cml.tree import Node


def check(root: Node, found: Findings) -> None:
    """Checks the application layer and the state transitions of a file."""
    for flow in root.inside("Flow"):
        for step in flow.of("FlowStep"):
            _step(step, found)
        if flow.of("FlowStep"):
            say(found, "cml.flow-drawable", flow, f"BPMN Sketch Miner can draw the flow {flow.name}")
    for coordination in root.inside("Coordination"):
        for step in coordination.of("CoordinationStep"):
            _coordination_step(root, step, found)
        if coordination.of("CoordinationStep"):
            what = f"BPMN Sketch Miner can draw the coordination {coordination.name}"
            say(found, "cml.coordination-drawable", coordination, what)
    for operation in root.inside("ServiceOperation", "DomainObjectOperation"):
        aggregate = operation.around("Aggregate")
        if aggregate is not None:
            _states(operation, aggregate, found)


def _step(step: Node, found: Findings) -> None:
    context = step.around("BoundedContext")
    for field in ("command", "operation"):
        for target in step.targets(field):
            if context is not None and target.around("BoundedContext") is not context:
                what = f"the {field} {target.name} is not of {context.name}, whose flow names it"
                say(found, "cml.foreign-step", step, what, expected=f"commands and operations of {context.name}")
    aggregate = step.target("delegate")
    if aggregate is not None:
        _states(step, aggregate, found)


def _states(holder: Node, aggregate: Node, found: Findings) -> None:
    lifecycle = next((enum for enum in aggregate.of("enum") if "aggregateLifecycle" in enum.flags), None)
    states = {value.name for value in lifecycle.of("EnumValue")} if lifecycle else set[str]()
    for transition in holder.of("StateTransition"):
        for link in transition.links:
            if link.target is not None and link.name not in states:
                what = f"{link.name} is no state of the aggregate {aggregate.name}"
                say(
                    found, "cml.foreign-state", transition, what, expected="a value of its enum with aggregateLifecycle"
                )


def _reachable(root: Node, context: Node) -> list[Node]:
    """The context, and those that are upstream of it or related as equals."""
    found = [context]
    for relationship in root.inside("Relationship"):
        if context in relationship.targets("downstream"):
            found += relationship.targets("upstream")
        elif context in relationship.targets("participant"):
            found += parties(relationship)
    return found


def _coordination_step(root: Node, step: Node, found: Findings) -> None:
    own, context = step.around("BoundedContext"), step.target("context")
    service, operation = step.target("service"), step.target("operation")
    if own is None or context is None:
        return
    if context not in _reachable(root, own):
        what = f"{own.name} coordinates {context.name}, and no relationship leads there"
        say(found, "cml.step-unreachable", step, what, next=f"add a relationship with {context.name} upstream")
    if service is None:
        return
    services = [each for application in context.of("Application") for each in application.of("Service")]
    if service.name not in [each.name for each in services]:
        what = f"the service {service.name} is not in the application of {context.name}"
        say(found, "cml.step-no-application-service", step, what)
    if operation is not None:
        _coordinated(step, service, operation.name, found)


def _coordinated(step: Node, service: Node, operation: str, found: Findings) -> None:
    same = [each for each in service.of("ServiceOperation") if each.name == operation]
    if not same:
        say(found, "cml.step-no-operation", step, f"the service {service.name} has no operation {operation}")
    if len(same) > 1:
        say(found, "cml.step-ambiguous", step, f"the service {service.name} has several operations {operation}")
