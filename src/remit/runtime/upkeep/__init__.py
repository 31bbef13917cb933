"""Background work of a process: leases, signs of life, deleting old rows, watching the event loop."""
