"""Designs of bounded contexts from outside of `remit`: CML, the language of Context Mapper, into a map and back."""

from remit_design.design import check_cml, export_map, export_system, import_cml

__all__ = ["check_cml", "export_map", "export_system", "import_cml"]
