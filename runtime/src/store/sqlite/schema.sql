-- The archive of a sandboxed filter runtime. Times are Unix seconds. Nothing here is ever overwritten by something lesser:
-- rows are added, `category`, `context` and the bounds of a session only grow. Start with the views: document, reference,
-- attempt, dead_record.

CREATE TABLE instance (
    -- One row per Tahoe document. The view `document` shows it with names for codes.
    id          INTEGER PRIMARY KEY, -- stands for the hash within this file, and nowhere else
    hash        BLOB    NOT NULL,    -- SHA-256, 32 bytes; found by the view `addressed`
    itype       INTEGER NOT NULL,    -- 0 attribute, 1 object, 2 event, 3 session, 4 raw
    sub_type    TEXT    NOT NULL,
    data        TEXT    NOT NULL,    -- JSON
    orgid       TEXT,                -- of an event; of a raw document, who archived it first
    timestamp   REAL,                -- of an event
    category    INTEGER,             -- of an event: 0 unknown, 1 benign, 2 malicious
    start_time  REAL,                -- of a session, if known, as are the next two
    end_time    REAL,
    duration    REAL,
    timezone    TEXT,                -- of a raw document, as of its first submission
    received_at REAL                 -- of a raw document, as of its first submission
) STRICT;

CREATE TABLE edge (
    -- One row per entry of `_ref`, with what `_cref`, `_ben_ref` and `_mal_ref` say of it. Raw documents are the exception:
    -- a record's `_ref` repeats all that its events refer to, so only the tops are here, and the view `reference` has the rest.
    src      INTEGER NOT NULL REFERENCES instance,
    dst      INTEGER NOT NULL REFERENCES instance,
    is_child INTEGER NOT NULL, -- 1: also in `_cref`
    context  INTEGER NOT NULL, -- in an event: 0 neither, 1 in `_ben_ref`, 2 in `_mal_ref`
    PRIMARY KEY (src, dst)
) STRICT, WITHOUT ROWID;

CREATE INDEX edge_by_dst ON edge (dst);

CREATE TABLE kind (
    -- Every kind of document there is. The hash of an attribute follows from its sub-type and value, so this short list is
    -- all that it takes to find a value by its hash.
    itype    INTEGER NOT NULL,
    sub_type TEXT    NOT NULL,
    PRIMARY KEY (itype, sub_type)
) STRICT, WITHOUT ROWID;

CREATE TABLE submission (
    -- One row per raw record and organisation that archived it: the work unit.
    id          INTEGER PRIMARY KEY AUTOINCREMENT, -- ascending in the order of arrival, never used twice
    raw         INTEGER NOT NULL REFERENCES instance,
    sub_type    TEXT    NOT NULL,                  -- of the raw document
    orgid       TEXT    NOT NULL,
    timezone    TEXT    NOT NULL,                  -- an IANA name
    received_at REAL    NOT NULL,
    UNIQUE (raw, orgid)
) STRICT;

CREATE INDEX submission_by_sub_type ON submission (sub_type);

CREATE TABLE filter (
    id      INTEGER PRIMARY KEY,
    uuid    TEXT NOT NULL UNIQUE, -- the mark in the `filters` of raw documents
    name    TEXT NOT NULL,        -- as last run, as is the version
    version TEXT NOT NULL
) STRICT;

CREATE TABLE configuration (
    -- What ran: with the record and its arrival, all that an answer depends on.
    id        INTEGER PRIMARY KEY,
    filter    INTEGER NOT NULL REFERENCES filter,
    name      TEXT    NOT NULL,
    version   TEXT    NOT NULL,
    component BLOB    NOT NULL, -- SHA-256 of the component's bytes
    options   BLOB    NOT NULL, -- SHA-256 of the options in force
    limits    BLOB    NOT NULL, -- SHA-256 of the limits in force
    UNIQUE (filter, component, options, limits)
) STRICT;

CREATE TABLE watermark (
    -- The sub-types that a filter reads. All submissions up to this id are settled: where the search for pending ones may
    -- start. Only an optimisation; 0 is always right.
    filter   INTEGER NOT NULL REFERENCES filter,
    sub_type TEXT    NOT NULL,
    settled  INTEGER NOT NULL,
    PRIMARY KEY (filter, sub_type)
) STRICT, WITHOUT ROWID;

CREATE TABLE ledger (
    -- One row per settled pair of submission and filter. A pair without a row is pending, if the filter reads the sub-type.
    filter        INTEGER NOT NULL REFERENCES filter,
    submission    INTEGER NOT NULL REFERENCES submission,
    configuration INTEGER NOT NULL REFERENCES configuration,
    state         INTEGER NOT NULL, -- 0 done, 1 rejected, 2 failed
    reason        TEXT,             -- the filter's, if rejected
    answer        BLOB,             -- SHA-256 of the answer, if done
    fuel          INTEGER NOT NULL,
    attempts      INTEGER NOT NULL,
    settled_at    REAL    NOT NULL,
    PRIMARY KEY (filter, submission)
) STRICT, WITHOUT ROWID;

CREATE TABLE dead_letter (
    -- Why a failed pair failed, the last time.
    id         INTEGER PRIMARY KEY AUTOINCREMENT, -- what a person calls it by
    filter     INTEGER NOT NULL REFERENCES filter,
    submission INTEGER NOT NULL REFERENCES submission,
    kind       TEXT    NOT NULL,
    message    TEXT    NOT NULL,
    backtrace  TEXT    NOT NULL,                  -- a JSON list, the innermost frame first
    UNIQUE (filter, submission)
) STRICT;

CREATE VIEW document AS
    SELECT id, lower(hex(hash)) AS hash,
        CASE itype WHEN 0 THEN 'attribute' WHEN 1 THEN 'object' WHEN 2 THEN 'event' WHEN 3 THEN 'session' ELSE 'raw' END AS itype,
        sub_type, data, orgid, timestamp,
        CASE category WHEN 0 THEN 'unknown' WHEN 1 THEN 'benign' WHEN 2 THEN 'malicious' END AS category,
        start_time, end_time, duration, timezone, received_at
    FROM instance;

CREATE VIEW reference AS
    -- `_ref` in full. What a raw document's events and loose nodes refer to, it refers to; but not what its sessions do.
    WITH every (src, dst, is_child, context) AS (
        SELECT src, dst, is_child, context FROM edge
        UNION
        SELECT top.src, below.dst, 0, 0
        FROM edge AS top
        JOIN instance AS raw ON raw.id = top.src AND raw.itype = 4
        JOIN instance AS middle ON middle.id = top.dst AND middle.itype <> 3
        JOIN edge AS below ON below.src = top.dst
    )
    SELECT src.id AS src_id, src.itype AS src_itype, src.sub_type AS src_sub_type, src.hash AS src_hash,
        dst.id AS dst_id, dst.itype AS dst_itype, dst.sub_type AS dst_sub_type, dst.hash AS dst_hash,
        is_child, CASE context WHEN 1 THEN 'benign' WHEN 2 THEN 'malicious' ELSE '' END AS context
    FROM every JOIN document AS src ON src.id = every.src JOIN document AS dst ON dst.id = every.dst;

CREATE VIEW attempt AS
    SELECT lower(hex(instance.hash)) AS record, submission.orgid, submission.sub_type, configuration.name AS filter,
        configuration.version, CASE state WHEN 0 THEN 'done' WHEN 1 THEN 'rejected' ELSE 'failed' END AS state, reason, fuel, attempts,
        datetime(settled_at, 'unixepoch') AS settled_at, lower(hex(answer)) AS answer, lower(hex(component)) AS component,
        lower(hex(options)) AS options, lower(hex(limits)) AS limits
    FROM ledger
    JOIN submission ON submission.id = ledger.submission
    JOIN instance ON instance.id = submission.raw
    JOIN configuration ON configuration.id = ledger.configuration;

CREATE VIEW dead_record AS
    SELECT dead_letter.id, configuration.name AS filter, kind, message, backtrace, lower(hex(instance.hash)) AS record,
        submission.orgid, submission.sub_type, attempts, datetime(settled_at, 'unixepoch') AS failed_at, instance.data
    FROM dead_letter
    JOIN ledger ON ledger.filter = dead_letter.filter AND ledger.submission = dead_letter.submission
    JOIN submission ON submission.id = dead_letter.submission
    JOIN instance ON instance.id = submission.raw
    JOIN configuration ON configuration.id = ledger.configuration;
