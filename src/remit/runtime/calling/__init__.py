"""Calls: finding the handler, the deadline, idempotency, and the commit."""
