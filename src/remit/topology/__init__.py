"""The topology: the file that says what runs where, the plan made from it, and its picture. Opens nothing."""

DEFAULT_STORE = "sqlite:data/{context}.db"
"""Where stores are by default. It is here because `import remit` needs it, and needs nothing else of this room."""

__all__ = ["DEFAULT_STORE"]
