"""Where the outside comes in: each edge turns a foreign protocol into messages of the contexts, and replies back."""
