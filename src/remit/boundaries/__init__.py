"""What must not touch: static checks of source text against a map of the code. One file per rule."""

from remit.boundaries.beside import with_beside
from remit.boundaries.check import check_code, read_code
from remit.boundaries.code import Code, Contact
from remit.boundaries.codemap import CodeContext, CodeMap, Outside
from remit.boundaries.map_file import MAP_FILE, examine_map, is_map, read_map
from remit.boundaries.proposal import propose_map

__all__ = [
    "MAP_FILE", "Code", "CodeContext", "CodeMap", "Contact", "Outside", "check_code", "examine_map",
    "is_map", "propose_map", "read_code", "read_map", "with_beside",
]  # fmt: skip
