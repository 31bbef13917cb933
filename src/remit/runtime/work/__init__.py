"""Units of work: what a handler has loaded, changed and recorded, the rows it becomes, and what all of them share."""
