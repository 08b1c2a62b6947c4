package dataset

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// trainingTable is the study's table, and the store's.
const trainingTable = "training_data"

// asideSuffix marks tables that were there before Janus, and stand in the way of its own.
const asideSuffix = "_before_janus"

// backupSeed puts a copy of a data base of the study beside it before anything is changed. A new file needs none.
func (s *Store) backupSeed(ctx context.Context) error {
	tables, err := tableNames(ctx, s.db)
	if err != nil || len(tables) == 0 {
		return err
	}
	backup, err := freeName(s.path + ".before-janus")
	if err != nil {
		return err
	}
	// VACUUM INTO copies what is committed, the write-ahead log's part of it too.
	partial := fmt.Sprintf("%s.%d.partial", backup, os.Getpid())
	defer os.Remove(partial) //nolint:errcheck // it is gone where all went well
	if _, err := s.db.ExecContext(ctx, "VACUUM INTO ?", partial); err != nil {
		return fmt.Errorf("copying the data base to %s before converting it: %w", partial, err)
	}
	if err := syncRename(partial, backup); err != nil {
		return fmt.Errorf("copying the data base to %s before converting it: %w", backup, err)
	}
	s.notes = append(s.notes, "converted from the study's schema; as it was, it is kept in "+backup)
	return nil
}

// syncRename makes a finished file last, under its name.
func syncRename(from, to string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// freeName is a name that no file has yet.
func freeName(name string) (string, error) {
	for n := 1; n < 1000; n++ {
		try := name
		if n > 1 {
			try = fmt.Sprintf("%s-%d", name, n)
		}
		if _, err := os.Lstat(try); errors.Is(err, fs.ErrNotExist) {
			return try, nil
		} else if err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("%s and 999 names like it are taken: move old copies away", name)
}

// seed is what a data base held before it became a store.
type seed struct {
	columns []seedColumn // of its training_data, renamed; nil where it had none
	notes   []string
}

type seedColumn struct{ name, kind string }

// setAside renames the tables that stand in the way of the store's.
func (s *seed) setAside(ctx context.Context, tx *sql.Tx) error {
	tables, err := tableNames(ctx, tx)
	if err != nil {
		return err
	}
	for _, name := range []string{trainingTable, "findings", "benchmarks", "benchmark_results"} {
		if !tables[name] {
			continue
		}
		if tables[name+asideSuffix] {
			return fmt.Errorf("the tables %s and %[1]s%s are both there: rename one", name, asideSuffix)
		}
		if _, err := tx.ExecContext(ctx, "ALTER TABLE "+name+" RENAME TO "+name+asideSuffix); err != nil {
			return err
		}
		if err := dropIndexes(ctx, tx, name+asideSuffix); err != nil {
			return err
		}
		if name != trainingTable {
			s.notes = append(s.notes, fmt.Sprintf("its table %s is kept as %[1]s%s", name, asideSuffix))
		}
	}
	if tables[trainingTable] {
		s.columns, err = seedColumns(ctx, tx, trainingTable+asideSuffix)
	}
	return err
}

// dropIndexes makes the names of a table's indexes free; those of constraints have names of SQLite's own.
func dropIndexes(ctx context.Context, tx *sql.Tx, table string) error {
	var drop strings.Builder
	rows, err := tx.QueryContext(ctx, "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = ?", table)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Err says what went wrong
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		drop.WriteString("DROP INDEX " + quoteName(name) + ";")
	}
	if err := rows.Err(); err != nil || drop.Len() == 0 {
		return err
	}
	_, err = tx.ExecContext(ctx, drop.String())
	return err
}

// quoteName makes any text a name in SQL.
func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func hasColumn(columns []seedColumn, name string) bool {
	return slices.ContainsFunc(columns, func(c seedColumn) bool { return strings.EqualFold(c.name, name) })
}

// checkSeed says whether a table is the study's, before anything is done to it.
func checkSeed(ctx context.Context, q querier) error {
	columns, err := seedColumns(ctx, q, trainingTable)
	if err != nil {
		return err
	}
	if !hasColumn(columns, "is_vulnerable") || !hasColumn(columns, "request") && !hasColumn(columns, "response") {
		return errors.New("its table training_data is not the study's: expected the columns id, request, response, analysis, is_vulnerable, vuln_category")
	}
	return nil
}

// seedColumns are a table's stored columns; generated ones would be made anew.
func seedColumns(ctx context.Context, q querier, table string) ([]seedColumn, error) {
	rows, err := q.QueryContext(ctx, "SELECT name, type FROM pragma_table_xinfo(?) WHERE hidden = 0", table)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err says what went wrong
	var columns []seedColumn
	for rows.Next() {
		var c seedColumn
		if err := rows.Scan(&c.name, &c.kind); err != nil {
			return nil, err
		}
		columns = append(columns, c)
	}
	return columns, rows.Err()
}

// truthSQL is a study's truth as 0 or 1, or null where it says neither: what ParseLabel does.
const truthSQL = `CASE lower(trim(CAST(is_vulnerable AS TEXT)))
	WHEN '1' THEN 1 WHEN '1.0' THEN 1 WHEN 'true' THEN 1 WHEN 'tp' THEN 1
	WHEN '0' THEN 0 WHEN '0.0' THEN 0 WHEN 'false' THEN 0 WHEN 'fp' THEN 0 END`

// takeBack fills the store's training_data from the study's. Columns that the store does not know are kept, with their names;
// rows without a truth are kept in a table of their own.
func (s *seed) takeBack(ctx context.Context, tx *sql.Tx) error {
	if s.columns == nil {
		return nil
	}
	const old = trainingTable + asideSuffix
	has := func(name string) bool { return hasColumn(s.columns, name) }
	into, from, err := s.mapping(ctx, tx, has)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s WHERE %s IS NOT NULL ORDER BY rowid",
		trainingTable, strings.Join(into, ", "), strings.Join(from, ", "), old, truthSQL)); err != nil {
		return err
	}
	var unread int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM "+old+" WHERE "+truthSQL+" IS NULL").Scan(&unread); err != nil {
		return err
	}
	if unread > 0 {
		const kept = trainingTable + "_unread"
		if _, err := tx.ExecContext(ctx, "CREATE TABLE "+kept+" AS SELECT * FROM "+old+" WHERE "+truthSQL+" IS NULL"); err != nil {
			return err
		}
		s.notes = append(s.notes, fmt.Sprintf("%d rows whose is_vulnerable is neither true nor false are kept in the table %s", unread, kept))
	}
	_, err = tx.ExecContext(ctx, "DROP TABLE "+old)
	return err
}

// mapping is the columns that are filled, and what with.
func (s *seed) mapping(ctx context.Context, tx *sql.Tx, has func(string) bool) (into, from []string, err error) {
	known := map[string]bool{"is_vulnerable": true, "id": true, "content_hash": true, "origin_hash": true}
	into, from = []string{"is_vulnerable"}, []string{truthSQL}
	for _, name := range exampleColumns {
		known[name] = true
		switch {
		case name == "is_vulnerable" || name == "created" && !has(name):
		case has(name):
			into, from = append(into, quoteName(name)), append(from, "COALESCE(CAST("+quoteName(name)+" AS TEXT), '')")
		case name == "request" || name == "response" || name == "vuln_category":
			into, from = append(into, name), append(from, "''")
		}
	}
	whole, err := wholeIDs(ctx, tx, has("id"))
	if err != nil {
		return nil, nil, err
	}
	for _, c := range s.columns {
		name := c.name
		switch {
		case strings.EqualFold(name, "id") && whole:
			into, from = append(into, "id"), append(from, "id")
			continue
		case strings.EqualFold(name, "id"):
			s.notes = append(s.notes, "its ids are not whole numbers: they are kept in the column original_id")
			name = "original_id"
		case known[strings.ToLower(name)]:
			continue
		}
		// The types of SQLite are any words, with brackets: https://sqlite.org/datatype3.html#affinity_name_examples.
		kind := "TEXT"
		if strings.Trim(strings.ToUpper(c.kind), "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_(), ") == "" {
			kind = c.kind
		}
		if _, err := tx.ExecContext(ctx, "ALTER TABLE "+trainingTable+" ADD COLUMN "+quoteName(name)+" "+kind); err != nil {
			return nil, nil, err
		}
		into, from = append(into, quoteName(name)), append(from, quoteName(c.name))
	}
	return into, from, nil
}

// wholeIDs says whether the ids of the study's table can be the store's: different whole numbers.
func wholeIDs(ctx context.Context, tx *sql.Tx, has bool) (whole bool, err error) {
	if !has {
		return false, nil
	}
	err = tx.QueryRowContext(ctx, "SELECT count(*) = count(DISTINCT id) AND total(typeof(id) <> 'integer') = 0 FROM "+trainingTable+asideSuffix).Scan(&whole)
	return whole, err
}
