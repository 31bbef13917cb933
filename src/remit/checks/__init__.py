"""What must hold: one file per rule, and one list of all rules. A system that breaks none of them becomes a model."""

from remit.checks.rules import RULES, Rule, check, model_of

__all__ = ["RULES", "Rule", "check", "model_of"]
