-- Counts that are changed in the transactions that change what they count: to count the rows themselves takes time in proportion
-- to the archive.

CREATE TABLE submission_count (
    sub_type    TEXT    PRIMARY KEY,
    submissions INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE ledger_count (
    -- Whether the filter still reads the sub-type or not.
    filter   INTEGER NOT NULL REFERENCES filter,
    sub_type TEXT    NOT NULL,
    state    INTEGER NOT NULL, -- as in `ledger`
    pairs    INTEGER NOT NULL,
    PRIMARY KEY (filter, sub_type, state)
) STRICT, WITHOUT ROWID;

INSERT INTO submission_count SELECT sub_type, count(*) FROM submission GROUP BY sub_type;
INSERT INTO ledger_count
    SELECT filter, sub_type, state, count(*) FROM ledger JOIN submission ON submission.id = submission GROUP BY filter, sub_type, state;
