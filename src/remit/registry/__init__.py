"""The registry: what there is, derived from code. Drawn as a map, exported to other tools, read as a glossary."""
