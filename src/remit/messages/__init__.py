"""What travels: commands, queries, events, refusals, their names, and the codec."""

from remit.messages.accepted import accepts
from remit.messages.base import Command, DomainEvent, IntegrationEvent, Message, Query, Refusal, Value, field
from remit.messages.carried import not_a_key, not_an_identity, not_carried, records_within, without_text
from remit.messages.codec import (
    UNWRITABLE,
    Codec,
    Encoding,
    Rest,
    decode_reply,
    encode_reply,
    fields_of_refusal,
    write_reply,
)
from remit.messages.contract import Contract, contract_of, declared_context, parameter_of, reply_of, union_members
from remit.messages.fidelity import difference
from remit.messages.fields import written_defaults
from remit.messages.forms import describe, wire_types
from remit.messages.instead import instead_of
from remit.messages.keys import LONGEST_KEY, document_key, fits, key_text, require_key
from remit.messages.sorting import NONE, SortForm, sorted_by
from remit.messages.stamps import version_of
from remit.messages.stored import VersionedCodec

__all__ = [
    "LONGEST_KEY",
    "NONE",
    "UNWRITABLE",
    "Codec",
    "Command",
    "Contract",
    "DomainEvent",
    "Encoding",
    "IntegrationEvent",
    "Message",
    "Query",
    "Refusal",
    "Rest",
    "SortForm",
    "Value",
    "VersionedCodec",
    "accepts",
    "contract_of",
    "declared_context",
    "decode_reply",
    "describe",
    "difference",
    "document_key",
    "encode_reply",
    "field",
    "fields_of_refusal",
    "fits",
    "instead_of",
    "key_text",
    "not_a_key",
    "not_an_identity",
    "not_carried",
    "parameter_of",
    "records_within",
    "reply_of",
    "require_key",
    "sorted_by",
    "union_members",
    "version_of",
    "wire_types",
    "without_text",
    "write_reply",
    "written_defaults",
]
