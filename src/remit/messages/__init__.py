"""What travels: commands, queries, events, refusals, their names, and the codec."""

from remit.messages.base import Command, DomainEvent, IntegrationEvent, Message, Query, Value, field
from remit.messages.carried import not_carried
from remit.messages.codec import Codec, Encoding, decode_reply, encode_reply
from remit.messages.contract import Contract, contract_of, declared_context, parameter_of, reply_of
from remit.messages.envelope import Record
from remit.messages.refusal import Refusal

__all__ = [
    "Codec",
    "Command",
    "Contract",
    "DomainEvent",
    "Encoding",
    "IntegrationEvent",
    "Message",
    "Query",
    "Record",
    "Refusal",
    "Value",
    "contract_of",
    "declared_context",
    "decode_reply",
    "encode_reply",
    "field",
    "not_carried",
    "parameter_of",
    "reply_of",
]
