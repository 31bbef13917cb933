"""The limit without group commit: pgbench, whose client is C, calls one function that does all of a command at once.

The function reads the idempotency row and the order, and writes the rows of remit's own tables with the lock of the
partition, its head and the predecessor. It takes the command's values as they are: nobody encodes or decodes anything.
"""

import re
import subprocess
from pathlib import Path

from benchmarks.postgres.server import running_server
from benchmarks.sampling import Sample, Work
from tests.servers.ports import HOST
from tests.servers.postgres import Server

_SCHEMA = """
CREATE TABLE log (
    channel smallint NOT NULL, part smallint NOT NULL, pos bigint NOT NULL, id text COLLATE "C" NOT NULL,
    prev text COLLATE "C" NOT NULL, key text COLLATE "C" NOT NULL, type text COLLATE "C" NOT NULL,
    version integer NOT NULL, at double precision NOT NULL, headers text NOT NULL, payload text NOT NULL,
    PRIMARY KEY (channel, part, pos)
);
CREATE TABLE idempotency (
    caller text COLLATE "C" NOT NULL, key text COLLATE "C" NOT NULL, fingerprint bytea NOT NULL, outcome text NOT NULL,
    at double precision NOT NULL, PRIMARY KEY (caller, key)
);
CREATE INDEX idempotency_at ON idempotency (at);
CREATE TABLE state (
    kind text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, version bigint NOT NULL, body text NOT NULL,
    PRIMARY KEY (kind, id)
) WITH (fillfactor = 80);

CREATE FUNCTION place(_key text, _order text, _moment double precision, _id text, _body text, _payload text)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    _part int := abs(hashtext(_order)) % 16;
    known text; found_version bigint; found_body text; last_pos bigint; last_id text;
BEGIN
    SELECT outcome INTO known FROM idempotency WHERE caller = 'web' AND key = _key;
    IF FOUND THEN RETURN known; END IF;
    SELECT version, body INTO found_version, found_body FROM state WHERE kind = 'sales.Order' AND id = _order;
    IF FOUND THEN
        UPDATE state SET version = found_version + 1, body = _body
        WHERE kind = 'sales.Order' AND id = _order AND version = found_version;
    ELSE
        INSERT INTO state VALUES ('sales.Order', _order, 1, _body);
    END IF;
    IF NOT FOUND THEN RAISE 'another version'; END IF;
    INSERT INTO idempotency VALUES ('web', _key, '\\x00112233445566778899aabbccddeeff', _order, _moment);
    PERFORM pg_advisory_xact_lock(1, _part);
    SELECT pos, id INTO last_pos, last_id FROM log WHERE channel = 0 AND part = _part ORDER BY pos DESC LIMIT 1;
    INSERT INTO log VALUES (0, _part, coalesce(last_pos, 0) + 1, _id, coalesce(last_id, ''), _order, 'sales.Placed', 1,
                            _moment, '{"cause":"request-0000000000","trace":"request-0000000000"}', _payload);
    RETURN _order;
END $$;
"""
_LINES = """"lines":[{"sku":"SKU-00001","quantity":1,"price":1990},{"sku":"SKU-00002","quantity":2,"price":2090},\
{"sku":"SKU-00003","quantity":3,"price":2190}],"total":12740"""
# The numbers of `sqlite/orders.py`, dealt to the clients in turn.
_SCRIPT = f"""
\\set number :n * :clients + :client_id
\\set n :n + 1
\\set order :number / 512 * 256 + :number % 256
SELECT place('request-' || :number, 'order-' || :order, 1750000000.5 + :number, 'ffffffffffffffffffffffff' || :number,
    '{{"id":"order-0000000001","customer":"customer-000001",{_LINES},"changes":1}}',
    '{{"order":"order-0000000001","customer":"customer-000001",{_LINES}}}');
"""


def _pgbench(server: Server, script: Path, clients: int, begin: int, seconds: int) -> dict[str, float]:
    command: list[object] = [
        server.program("pgbench"), "--no-vacuum", "--protocol=prepared", "--file", script, "--client", clients,
        "--jobs", min(clients, 2), "--time", seconds, "--define", f"clients={clients}", "--define", f"n={begin}",
        "--host", HOST, "--port", server.port, "--username", "postgres", "postgres",
    ]  # fmt: skip
    told = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout
    rate, latency = re.search(r"tps = ([\d.]+)", told), re.search(r"latency average = ([\d.]+) ms", told)
    assert rate is not None
    assert latency is not None
    return {"rate": float(rate[1]), "mean": float(latency[1]) * 1e3}


def _run(work: Work, clients: int, *, slow_disk: bool = False) -> Sample:
    script = work.folder / "place.sql"
    script.write_text(_SCRIPT)
    with running_server(work, slow_disk=slow_disk) as server:
        psql = [server.program("psql"), "-q", "-h", HOST, "-p", str(server.port), "-U", "postgres", "-c", _SCHEMA]
        subprocess.run(psql, check=True)
        _pgbench(server, script, clients, 0, 1)
        told = _pgbench(server, script, clients, 1_000_000, work.pick(3, 1))
    return Sample(told["rate"], {"mean µs": told["mean"]})


def run_1(work: Work) -> Sample:
    return _run(work, 1)


def run_32(work: Work) -> Sample:
    return _run(work, 32)


def slow_disk_32(work: Work) -> Sample:
    return _run(work, 32, slow_disk=True)
