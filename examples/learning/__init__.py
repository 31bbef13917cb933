"""An online learning platform: four bounded contexts, their map, and programs to play with them."""
