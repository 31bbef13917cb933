"""Channels between contexts that run in one process, for tests and for the simulation: nothing is sent anywhere."""
