"""Rooms: what the houses offer. Plain records, upstream of reservations."""
