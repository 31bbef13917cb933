"""Channels between contexts in one process, for tests and for the simulation. Nothing leaves the process."""
