"""Calls: found, limited in time, applied once, decided and committed."""
