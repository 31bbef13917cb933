"""The rules: each looks at a code base with its map and reports findings. One file per rule; `RULES` lists them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from remit.boundaries.code import Code
from remit.boundaries.rules.cycles import check_cycles
from remit.boundaries.rules.described import check_any, check_described
from remit.boundaries.rules.dynamic import note_dynamic
from remit.boundaries.rules.foreign import check_foreign
from remit.boundaries.rules.gateways import check_gateways
from remit.boundaries.rules.kernels import check_kernels
from remit.boundaries.rules.legal import check_legal
from remit.boundaries.rules.models import check_models
from remit.boundaries.rules.owners import check_owners
from remit.boundaries.rules.published import check_published
from remit.boundaries.rules.purity import check_purity
from remit.boundaries.rules.related import check_related
from remit.boundaries.rules.separate import check_separate
from remit.boundaries.rules.spread import note_spread
from remit.boundaries.rules.tables import check_keys, check_tables
from remit.boundaries.rules.translations import check_translations
from remit.boundaries.rules.unowned import note_unowned
from remit.boundaries.rules.unreadable import check_readable
from remit.boundaries.rules.unrestricted import note_unrestricted
from remit.errors import Findings

Rule = Callable[[Code, Findings], None]

RULES: Sequence[Rule] = (
    check_any, check_readable, check_legal, check_described, check_owners, check_related, check_separate,
    check_published, check_models, check_translations, check_kernels, check_foreign, check_gateways, check_cycles,
    check_tables, check_keys, check_purity, note_unrestricted, note_unowned, note_spread, note_dynamic,
)  # fmt: skip
"""All rules, in the order of their findings."""
OF_MAP: Sequence[Rule] = (check_any, check_legal, check_owners, check_gateways)
"""The rules that need no source text."""
RELATED: Sequence[Rule] = (
    check_related,
    check_separate,
    check_published,
    check_models,
    check_translations,
    check_cycles,
)
"""The rules on relations. A map without any relation restricts nothing, as a system without any."""

__all__ = ["OF_MAP", "RELATED", "RULES", "Rule"]
