"""What must not touch: static checks of source text against a map of the code. One file per rule."""

from remit.boundaries.codemap import CodeContext, CodeMap, Outside
from remit.boundaries.map_file import MAP_FILE, examine_map, read_map

__all__ = ["MAP_FILE", "CodeContext", "CodeMap", "Outside", "examine_map", "read_map"]
