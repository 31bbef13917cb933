"""How to be sure: what a user tests with, and what every adapter must do."""
