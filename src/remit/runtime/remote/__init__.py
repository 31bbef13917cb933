"""Calls to other processes, answers to them, and reading their logs."""
