"""Units of work: what a handler loads, changes and records, the rows this becomes, and what all of them share."""
