CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    -- never given twice, also after an erasure: who follows the events by it would miss the new one
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    dedupe_key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    attempt_id TEXT NOT NULL,
    occurred_ms INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    source TEXT NOT NULL,
    props TEXT NOT NULL
) STRICT;
CREATE INDEX events_attempt ON events (attempt_id);
CREATE INDEX events_received ON events (received_ms);

CREATE TABLE attempts (
    id TEXT PRIMARY KEY,
    first_ms INTEGER NOT NULL,
    local_day TEXT NOT NULL,
    product_id TEXT NOT NULL,
    category TEXT NOT NULL,
    locale TEXT NOT NULL,
    device TEXT NOT NULL,
    channel TEXT NOT NULL,
    bot INTEGER NOT NULL,
    reference TEXT,
    title TEXT,
    clicks INTEGER NOT NULL,
    created_ms INTEGER,
    opened_ms INTEGER,
    ended_ms INTEGER,
    outcome TEXT NOT NULL,
    reason TEXT,
    expires_ms INTEGER,
    public_id TEXT UNIQUE,
    launch_key TEXT UNIQUE,
    session_id TEXT UNIQUE,
    launch_url TEXT,
    qr_code_url TEXT,
    metadata TEXT,
    early TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_day ON attempts (local_day, product_id);
CREATE INDEX attempts_product ON attempts (product_id, local_day);
CREATE INDEX attempts_reference ON attempts (reference) WHERE reference IS NOT NULL;
CREATE INDEX attempts_expiring ON attempts (expires_ms)
    WHERE outcome = 'open' AND expires_ms IS NOT NULL;

CREATE TABLE receipts (
    id INTEGER PRIMARY KEY,
    attempt_id TEXT NOT NULL,
    received_ms INTEGER NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    verdict TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;
CREATE INDEX receipts_attempt ON receipts (attempt_id);
CREATE INDEX receipts_received ON receipts (received_ms);

CREATE TABLE upstream_calls (
    id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    operation TEXT NOT NULL,
    status INTEGER,
    error TEXT,
    duration_ms INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    attempt_id TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
CREATE INDEX upstream_calls_at ON upstream_calls (at_ms);
CREATE INDEX upstream_calls_attempt ON upstream_calls (attempt_id);

CREATE TABLE histograms (
    local_day TEXT NOT NULL,
    metric TEXT NOT NULL,
    channel TEXT NOT NULL,
    bucket INTEGER NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (local_day, metric, channel, bucket)
) STRICT, WITHOUT ROWID;
