"""Two wrong choices between a call and an event, as variants of the platform. `docs/impact.md` shows what they cost."""
