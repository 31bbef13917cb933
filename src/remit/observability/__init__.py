"""What is to be seen from outside: how far each subscription is, and what keeps it."""
