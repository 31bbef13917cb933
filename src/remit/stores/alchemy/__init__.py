"""SQLAlchemy's `AsyncSession` and `AsyncConnection` over the transaction of a unit of work, on every store with SQL."""
