"""One unit of work: what a handler has loaded, changed and recorded, and the rows it becomes."""
