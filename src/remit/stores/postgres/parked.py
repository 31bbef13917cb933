"""Questions about parked keys. What is asked all the time looks at a few rows, however many keys are parked."""

from __future__ import annotations

_ROW = """
    subscription, source, channel, key, part, since, tried_at, attempts, retry_at, error,
    (SELECT count(*) FROM remit_letter l WHERE l.subscription = found.subscription AND l.source = found.source
     AND l.channel = found.channel AND l.key = found.key AND l.discarded_at IS NULL)
"""
_OF_ONE = "subscription = $1 AND source = $2 AND channel = $3"
_ORDER = "ORDER BY since, subscription, source, channel, key"
LONGEST = f"""
    SELECT {_ROW} FROM (
        SELECT * FROM remit_parked WHERE ($1::text IS NULL OR subscription = $1) AND ($2::text IS NULL OR key = $2)
        {_ORDER} LIMIT $3
    ) found {_ORDER}
"""  # noqa: S608  no value is in it
COUNT = f"SELECT count(*) FROM remit_parked WHERE {_OF_ONE}"  # noqa: S608  no value is in it
PARKING = "SELECT DISTINCT subscription, source, channel FROM remit_parked"
# A row without a key tells that keys of the partition are parked, be they among these or not.
AMONG = f"""
    SELECT key FROM remit_parked WHERE {_OF_ONE} AND part = $4 AND key = ANY ($5::text[])
    UNION ALL (SELECT NULL FROM remit_parked WHERE {_OF_ONE} AND part = $4 LIMIT 1)
"""  # noqa: S608  no value is in it
# The sum keeps the second part to the index by tried_at: few were tried in the future, and most are due later.
DUE = f"""
    SELECT {_ROW} FROM (
        SELECT * FROM remit_parked WHERE {_OF_ONE} AND retry_at <= $4 ORDER BY retry_at LIMIT $6
    ) found
    UNION ALL
    SELECT {_ROW} FROM (
        SELECT * FROM remit_parked WHERE {_OF_ONE} AND tried_at > $5 AND retry_at + 0 > $4 ORDER BY tried_at LIMIT $6
    ) found
"""  # noqa: S608  no value is in it
PAGE = 1000
"""Keys that are made due in one transaction."""
RETRY = """
    UPDATE remit_parked p SET retry_at = $1 FROM (
        SELECT source, channel, part, key FROM remit_parked WHERE subscription = $2 AND ($3::text IS NULL OR key = $3)
        AND (source, channel, part, key) > ($4, $5, $6, $7) ORDER BY source, channel, part, key LIMIT $8
    ) page
    WHERE p.subscription = $2 AND p.source = page.source AND p.channel = page.channel AND p.part = page.part
    AND p.key = page.key
    RETURNING p.source, p.channel, p.part, p.key
"""
