"""The topology: the file that says what runs where, the plan made from it, and its picture. Opens nothing."""
