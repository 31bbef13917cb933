"""The rules for a declared system: one file per rule, and one list of all rules. A system without findings becomes a
model."""

from remit.checks.rules import NOTED, RULES, Rule, check, model_of, notes_on

__all__ = ["NOTED", "RULES", "Rule", "check", "model_of", "notes_on"]
