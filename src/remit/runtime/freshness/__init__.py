"""How fresh an answer is: what is owed to it, and waiting until nothing is."""
