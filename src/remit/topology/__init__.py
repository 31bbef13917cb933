"""Where it runs: the deployment file, the plan that is made from it, and the drawing. Nothing here opens anything."""
