"""Other processes: how they are called and answered, and how their logs are read."""
