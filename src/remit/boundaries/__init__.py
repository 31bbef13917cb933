"""What must not touch: static checks of source text against a map of the code. One file per rule.

A process that starts needs the map, and reads no source text. So what reads it is imported with its first use.
"""

import typing
from importlib import import_module

from remit.boundaries.code import Code, Contact
from remit.boundaries.codemap import CodeContext, CodeMap, Outside

if typing.TYPE_CHECKING:
    from remit.boundaries.beside import with_beside
    from remit.boundaries.check import check_code, read_code
    from remit.boundaries.map_file import MAP_FILE, examine_map, is_map, read_map
    from remit.boundaries.proposal import propose_map

__all__ = [
    "MAP_FILE", "Code", "CodeContext", "CodeMap", "Contact", "Outside", "check_code", "examine_map",
    "is_map", "propose_map", "read_code", "read_map", "with_beside",
]  # fmt: skip

_MODULES = {
    "MAP_FILE": "map_file", "check_code": "check", "examine_map": "map_file", "is_map": "map_file",
    "propose_map": "proposal", "read_code": "check", "read_map": "map_file", "with_beside": "beside",
}  # fmt: skip
"""The modules of what is imported with its first use."""


def __getattr__(name: str) -> typing.Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
