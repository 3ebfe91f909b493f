package main

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // FerretDB's own
)

// keepIndexed gives every collection an index for what FerretDB asks by `_id`. Its own is on `->'_id'` and its
// questions are `->'$._id'`, so that SQLite does not see that one answers the other, and reads the whole collection for
// every single update.
func keepIndexed(ctx context.Context, dir string) {
	for ctx.Err() == nil {
		files, _ := filepath.Glob(filepath.Join(dir, "*.sqlite"))
		for _, file := range files {
			// A database that was dropped in between, or is busy, is looked at again.
			_ = index(ctx, file)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func index(ctx context.Context, file string) error {
	database, err := sql.Open("sqlite", "file:"+file+"?mode=rw&_pragma=busy_timeout(10000)")
	if err != nil {
		return err
	}
	defer database.Close()
	rows, err := database.QueryContext(ctx, `SELECT name FROM sqlite_schema AS collection WHERE type = 'table' AND name NOT LIKE '\_%' ESCAPE '\'
		AND NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE tbl_name = collection.name AND name = collection.name || '_by_id')`)
	if err != nil {
		return err
	}
	defer rows.Close()
	var tables []string
	for rows.Next() {
		var table string
		if err := rows.Scan(&table); err != nil {
			return err
		}
		tables = append(tables, table)
	}
	if len(tables) == 0 {
		return rows.Err()
	}
	turn.Lock()
	defer turn.Unlock()
	for _, table := range tables {
		statement := fmt.Sprintf(`CREATE INDEX %q ON %q (_ferretdb_sjson->'$._id')`, table+"_by_id", table)
		if _, err := database.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
