"""What must hold: one file per rule, and one list of all rules. A system that breaks none of them becomes a model."""

from remit.checks.rules import NOTED, RULES, Rule, check, model_of, notes_on

__all__ = ["NOTED", "RULES", "Rule", "check", "model_of", "notes_on"]
