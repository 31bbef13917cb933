"""Calls and events over NATS: request-reply, and JetStream as a bell with a payload."""

from remit.transports.nats.calls import NatsCalls
from remit.transports.nats.connection import NatsConnection
from remit.transports.nats.events import NatsEvents

__all__ = ["NatsCalls", "NatsConnection", "NatsEvents"]
