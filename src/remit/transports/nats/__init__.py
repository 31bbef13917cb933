"""Calls and events over NATS: request-reply, and JetStream as a bell with a payload."""

from remit.transports.nats.calls import NatsCalls
from remit.transports.nats.connection import NatsConnection
from remit.transports.nats.events import NatsEvents
from remit.transports.nats.permissions import BrokerUser, permissions

__all__ = ["BrokerUser", "NatsCalls", "NatsConnection", "NatsEvents", "permissions"]
