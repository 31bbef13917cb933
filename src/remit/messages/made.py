"""Explains a failed construction of a message, a value or an aggregate: names its class and its field.

msgspec makes records in C, and its errors do not name the class. So the class is read from the call in the innermost
frame of the traceback, by the names in its bytecode. This costs nothing when construction succeeds.
"""

from __future__ import annotations

import dis
import re
from collections.abc import Iterable
from types import FrameType, ModuleType, TracebackType
from typing import Any

import msgspec

_FORMS = (
    (re.compile(r"Unexpected keyword argument '(.*)'"), "{cls} has no field {field!r}: its fields are {fields}"),
    (re.compile(r"Missing required argument '(.*)'"), "{cls} was made without its field {field!r}"),
    (re.compile(r"Extra positional arguments provided()"), "{cls} takes its fields by name: {fields}"),
)


def made_wrongly(error: BaseException) -> str | None:
    """A sentence that names the class and the field of a record that could not be made. None for any other error, and
    if the call does not reveal the class."""
    if type(error) is not TypeError or error.__traceback__ is None:
        return None
    for form, sentence in _FORMS:
        if found := form.fullmatch(str(error)):
            cls = _called(_innermost(error.__traceback__))
            if isinstance(cls, type) and issubclass(cls, msgspec.Struct):
                fields = ", ".join(cls.__struct_fields__) or "none"
                return sentence.format(cls=cls.__name__, field=found[1], fields=fields)
    return None


def _innermost(traceback: TracebackType) -> TracebackType:
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback


def _called(traceback: TracebackType) -> Any:
    """The object that is called at the end of a traceback, if the call reads `Name(...)` or `module.Name(...)`."""
    instructions = list(dis.get_instructions(traceback.tb_frame.f_code))
    call = next((each for each in instructions if each.offset == traceback.tb_lasti), None)
    if call is None or (begins := _begin(call)) is None:
        return None
    callee = [each for each in instructions if each.offset < call.offset and _begin(each) == begins]
    return _value(callee, traceback.tb_frame)


def _begin(instruction: dis.Instruction) -> tuple[int, int] | None:
    """Line and column at which the expression of an instruction begins; None if the bytecode has no positions."""
    at = instruction.positions
    if at is None or at.lineno is None or at.col_offset is None:
        return None
    return at.lineno, at.col_offset


def _value(callee: Iterable[dis.Instruction], frame: FrameType) -> Any:
    value: Any = None
    for each in callee:
        if each.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            value = vars(value).get(each.argval) if isinstance(value, ModuleType | type) else None
        elif each.opname.startswith(("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FAST", "LOAD_DEREF")):
            names: Any = each.argval
            name: str = names if isinstance(names, str) else names[-1]  # one instruction may load two variables
            value = frame.f_locals.get(name, frame.f_globals.get(name))
    return value
