"""Following a log: read after the checkpoint, handle, commit."""
