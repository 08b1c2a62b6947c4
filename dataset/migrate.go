package dataset

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// Migrations are the files migrations/NNNN_name.sql, in the order of their numbers, without gaps. One that has landed is never
// changed: a change of the schema is a new file. The number of the last one is the file's user_version.
//
//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks Janus' data bases (https://sqlite.org/pragma.html#pragma_application_id): "Janu" in ASCII.
const applicationID = 0x4a616e75

// migration is one step from a version of the schema to the next.
type migration struct {
	version int
	name    string
	text    string
}

// readMigrations gives the steps in their order.
func readMigrations() ([]migration, error) {
	names, err := fs.Glob(migrations, "migrations/*.sql") // sorted
	if err != nil {
		return nil, err
	}
	var all []migration
	for _, name := range names {
		number, _, _ := strings.Cut(strings.TrimPrefix(name, "migrations/"), "_")
		version, err := strconv.Atoi(number)
		if err != nil || version != len(all)+1 {
			return nil, fmt.Errorf("%s: expected the number %04d", name, len(all)+1)
		}
		text, err := migrations.ReadFile(name)
		if err != nil {
			return nil, err
		}
		all = append(all, migration{version, name, string(text)})
	}
	return all, nil
}

// querier is a data base or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// checkOwner refuses files of other programs before anything in them is changed.
func (s *Store) checkOwner(ctx context.Context) error {
	var owner, version int
	if err := s.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if err := s.db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&owner); err != nil {
		return err
	}
	if owner == applicationID {
		return nil
	}
	tables, err := tableNames(ctx, s.db)
	if err != nil {
		return err
	}
	switch {
	case owner == 0 && tables[trainingTable]:
		return checkSeed(ctx, s.db)
	case owner == 0 && len(tables) == 0 && version == 0:
		return nil
	}
	return errors.New("a SQLite data base of another program: it is neither a store of Janus nor has it a table training_data; " +
		"choose another file with --db, and take rows from this one with `janus data import`")
}

// migrate brings the schema up to date. Each step is one transaction, so that an interrupted one has not happened.
func (s *Store) migrate(ctx context.Context) error {
	steps, err := readMigrations()
	if err != nil {
		return err
	}
	version, err := ownVersion(ctx, s.db)
	if err != nil || version == len(steps) {
		return err
	}
	if version > len(steps) {
		return fmt.Errorf("made by a newer Janus: its schema has version %d, and this one knows %d; update Janus, or choose another file with --db", version, len(steps))
	}
	if version == 0 {
		if err := s.backupSeed(ctx); err != nil {
			return err
		}
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // it only goes back to the pool
	// A table that is renamed and made anew must not take what points to it along (https://sqlite.org/lang_altertable.html).
	if _, err := conn.ExecContext(ctx, "PRAGMA foreign_keys = OFF; PRAGMA legacy_alter_table = ON"); err != nil {
		return err
	}
	for _, step := range steps[version:] {
		if err := s.step(ctx, conn, step); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	_, err = conn.ExecContext(ctx, "PRAGMA foreign_keys = ON; PRAGMA legacy_alter_table = OFF")
	return err
}

// ownVersion is the version of a store's schema, 0 where the file is none: a data base of the study may have a user_version of
// its own, which means nothing here.
func ownVersion(ctx context.Context, q querier) (version int, err error) {
	var owner int
	if err := q.QueryRowContext(ctx, "PRAGMA application_id").Scan(&owner); err != nil || owner != applicationID {
		return 0, err
	}
	err = q.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version)
	return version, err
}

// step runs one migration, unless another process has done so since.
func (s *Store) step(ctx context.Context, conn *sql.Conn, m migration) error {
	var was seed
	err := inTransaction(ctx, conn, func(tx *sql.Tx) error {
		version, err := ownVersion(ctx, tx)
		if err != nil || version >= m.version {
			return err
		}
		if m.version == 1 {
			if err := was.setAside(ctx, tx); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, m.text); err != nil {
			return err
		}
		if m.version == 1 {
			if err := was.takeBack(ctx, tx); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, m.version))
		return err
	})
	if err == nil {
		s.notes = append(s.notes, was.notes...)
	}
	return err
}

// tableNames is the set of a data base's ordinary tables, without SQLite's own. Virtual ones would run what their maker wants.
func tableNames(ctx context.Context, q querier) (map[string]bool, error) {
	rows, err := q.QueryContext(ctx, "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'create virtual%' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err says what went wrong
	names := map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names[name] = true
	}
	return names, rows.Err()
}
