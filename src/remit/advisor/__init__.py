"""What follows if a context is away, is slow, or changes a message: read from the interactions of a system."""

from remit.advisor.recording import CallRecorder

__all__ = ["CallRecorder"]
