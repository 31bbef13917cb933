"""Fresh answers: which subscriptions an answer depends on, and waiting for them."""
