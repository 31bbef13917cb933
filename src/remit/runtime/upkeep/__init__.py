"""What is done beside the work: leases, signs of life, old rows, the event loop."""
