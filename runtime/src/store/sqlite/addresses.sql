CREATE TABLE address (
    -- Which document has which hash, for all documents but the newest. Hashes fall anywhere, so that each new one would have a
    -- page of its own to write here, once there are more pages than documents in a transaction. So it waits in the next table,
    -- until so many wait that several go into each page.
    prefix BLOB    NOT NULL, -- the first eight bytes of the hash; the row of `instance` tells apart those that begin alike
    id     INTEGER NOT NULL REFERENCES instance,
    PRIMARY KEY (prefix, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE address_fresh (
    -- The same for the newest documents: few enough that this stays small. When there are too many, the transaction that finds
    -- it so moves all of them into `address`, in the order of hashes.
    prefix BLOB    NOT NULL,
    id     INTEGER NOT NULL REFERENCES instance,
    PRIMARY KEY (prefix, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE address_moved (
    -- One row. Documents up to this id are in `address`, later ones in `address_fresh`. The difference says how many those are.
    up_to INTEGER NOT NULL
) STRICT;

-- Whoever looks for a hash looks here. That none is there twice is the writers' part: each looks in the transaction that adds.
CREATE VIEW addressed AS
    SELECT prefix, id FROM address_fresh UNION ALL SELECT prefix, id FROM address;

INSERT INTO address SELECT substr(hash, 1, 8), id FROM instance ORDER BY substr(hash, 1, 8), id;
INSERT INTO address_moved SELECT coalesce(max(id), 0) FROM instance;
DROP INDEX IF EXISTS instance_by_hash;
DROP INDEX IF EXISTS instance_by_prefix;
