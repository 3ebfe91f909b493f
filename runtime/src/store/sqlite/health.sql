CREATE TABLE health (
    -- How a filter fares, as the process that ran it last says. Statistics: what a crash cost them stays lost.
    filter   INTEGER PRIMARY KEY REFERENCES filter,
    fuel     INTEGER NOT NULL, -- units, of all its attempts
    busy_us  INTEGER NOT NULL, -- microseconds of workers' time, calls, checks and commits
    health   TEXT    NOT NULL, -- JSON: breaker, outage
    noted_at REAL    NOT NULL
) STRICT;
