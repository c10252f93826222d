"""The bytes of manifest lines and statements, and back (docs/formats.md, "Manifest" and "Statement").

Encoding is canonical and total: the same values give the same bytes for ever. Decoding is strict: a key that the
version does not know, a value of another type or shape, or a line that would be written otherwise is a FormatError.
Nothing is verified here; whoever decodes has opened the seal before, or says "unverified" in a name.
"""

from muniment.manifest.custody import Acceptance, Hold, acceptance, hold, receiver
from muniment.manifest.event import EVENT_PREDICATE, Agent, Event, decode_event, encode_event
from muniment.manifest.keychange import Change, KeyChange, decode_key_change, encode_key_change
from muniment.manifest.line import Description, decode_description, decode_record, encode_description, encode_record
from muniment.manifest.moment import instant, timestamp
from muniment.manifest.statement import (
    CAPTURE_PREDICATE,
    OPENING_PREDICATE,
    PAYLOAD_TYPE,
    STATEMENT_TYPE,
    LogPlace,
    Opening,
    Recovery,
    Statement,
    decode_opening,
    decode_statement,
    encode_opening,
    encode_statement,
    seed_commitment,
    sums,
)

__all__ = [
    "CAPTURE_PREDICATE",
    "EVENT_PREDICATE",
    "OPENING_PREDICATE",
    "PAYLOAD_TYPE",
    "STATEMENT_TYPE",
    "Acceptance",
    "Agent",
    "Change",
    "Description",
    "Event",
    "Hold",
    "KeyChange",
    "LogPlace",
    "Opening",
    "Recovery",
    "Statement",
    "acceptance",
    "decode_description",
    "decode_event",
    "decode_key_change",
    "decode_opening",
    "decode_record",
    "decode_statement",
    "encode_description",
    "encode_event",
    "encode_key_change",
    "encode_opening",
    "encode_record",
    "encode_statement",
    "hold",
    "instant",
    "receiver",
    "seed_commitment",
    "sums",
    "timestamp",
]
