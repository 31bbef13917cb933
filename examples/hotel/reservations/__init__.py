"""Reservations: who holds, and who occupies, which room in which night."""
