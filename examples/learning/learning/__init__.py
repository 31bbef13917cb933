"""What students do in a course, and when they have passed it."""
