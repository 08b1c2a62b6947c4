package finding

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"sort"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteFormat is a SQLite database with a table of findings (SQLiteSchema, or one
// whose columns have other usual names), or else the study's training_data.
var sqliteFormat = format{
	name:  "sqlite",
	what:  "a SQLite database",
	sniff: func(head []byte) bool { return bytes.HasPrefix(head, []byte(sqliteMagic)) },
	read:  readSQLite,
}

// sqliteMagic begins every database (https://www.sqlite.org/fileformat2.html).
const sqliteMagic = "SQLite format 3\x00"

// sqliteTables are the tables that are read, the first that has rows.
var sqliteTables = []struct {
	name   string
	finish func(*Finding)
}{
	{"findings", nil},
	{"training_data", trainingFinding},
}

// trainingFinding fills in what a row of training_data tells by its category. Its
// analysis says the truth, and is not part of a finding.
func trainingFinding(f *Finding) {
	f.Source = "training_data"
	f.Language = "http"
	if about, ok := trainingCategories[strings.ToUpper(f.Category)]; ok {
		f.Rule, f.Title, f.CWE = strings.ToLower(f.Category), about.title, about.cwe
	}
}

var trainingCategories = map[string]struct{ title, cwe string }{
	"HTTP_HEADERS": {"HTTP security headers are missing, weak or leak information", "CWE-693"},
	"XSS":          {"Cross-site scripting", "CWE-79"},
	"SQLI":         {"SQL injection", "CWE-89"},
	"INFO":         {"The response gives out sensitive information", "CWE-200"},
}

func readSQLite(in *input) (err error) {
	defer guardPanic(in.name, &err)
	f, size, remove, err := in.spill()
	if err != nil {
		return err
	}
	defer remove()
	db, closeDB, err := openUntrusted(f.Name(), size)
	if err != nil {
		return fmt.Errorf("%s: %w", in.name, err)
	}
	defer closeDB()
	names, err := sqliteTableNames(db)
	if err != nil {
		return fmt.Errorf("%s: the database cannot be read: %w", in.name, err)
	}
	known := false
	for _, table := range sqliteTables {
		if !names[table.name] {
			continue
		}
		known = true
		if err := in.sqliteTable(db, table.name, size, table.finish); err != nil {
			return fmt.Errorf("%s: table %s: %w", in.name, table.name, err)
		}
		if in.report.Total > 0 {
			return nil
		}
	}
	if !known {
		return fmt.Errorf("%s: expected a table findings or training_data, found %s", in.name, listTables(names))
	}
	return nil
}

func listTables(names map[string]bool) string {
	if len(names) == 0 {
		return "no tables"
	}
	var list []string
	for name := range names {
		list = append(list, fmt.Sprintf("%q", firstBytes(name, 60)))
	}
	sort.Strings(list)
	const most = 20
	if len(list) > most {
		list = append(list[:most], fmt.Sprintf("and %d more", len(list)-most))
	}
	return strings.Join(list, ", ")
}

// openUntrusted opens a database that anybody may have made: nothing is written,
// no function of its schema is run, and no value is larger than the file.
func openUntrusted(path string, size int64) (conn *sql.Conn, closeAll func(), err error) {
	query := url.Values{"mode": {"ro"}, "immutable": {"1"}, "_pragma": {"trusted_schema(0)", "cell_size_check(1)", "query_only(1)"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}).String())
	if err != nil {
		return nil, nil, err
	}
	if conn, err = db.Conn(context.Background()); err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	limit := int(min(size+1<<16, 1e9))
	if _, err := sqlite.Limit(conn, sqlite3.SQLITE_LIMIT_LENGTH, limit); err != nil {
		return nil, nil, errors.Join(err, conn.Close(), db.Close())
	}
	return conn, func() { _, _ = conn.Close(), db.Close() }, nil // only read
}

// sqliteTableNames are the ordinary tables: a view or a virtual table would run
// what the database's maker wants.
func sqliteTableNames(db *sql.Conn) (map[string]bool, error) {
	rows, err := db.QueryContext(context.Background(),
		`SELECT lower(name), coalesce(sql, '') FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\'`)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // only read
	names := map[string]bool{}
	for rows.Next() {
		var name, definition string
		if err := rows.Scan(&name, &definition); err != nil {
			return nil, err
		}
		if words := strings.Fields(strings.ToUpper(definition)); len(words) > 1 && words[1] != "VIRTUAL" {
			names[name] = true
		}
	}
	return names, rows.Err()
}

// sqliteColumns are a table's stored columns; generated ones are left out.
func sqliteColumns(db *sql.Conn, table string) (names []string, err error) {
	rows, err := db.QueryContext(context.Background(), "SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0", table)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // only read
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// sqliteTable reads a table row by row.
func (in *input) sqliteTable(db *sql.Conn, table string, size int64, finish func(*Finding)) error {
	names, err := sqliteColumns(db, table)
	if err != nil {
		return err
	}
	columns, known := columnsNamed(names, nil)
	if known == 0 {
		return fmt.Errorf("it has no column of a finding: expected some of %s, found %s",
			strings.Join(FindingColumns(), ", "), firstBytes(strings.Join(names, ", "), 200))
	}
	var quoted []string
	var at []int
	for i, column := range columns {
		if column >= 0 {
			quoted = append(quoted, `"`+strings.ReplaceAll(names[i], `"`, `""`)+`"`)
			at = append(at, column)
		}
	}
	rows, err := db.QueryContext(context.Background(), "SELECT "+strings.Join(quoted, ", ")+" FROM "+table)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // only read
	row := make([]any, len(at))
	targets := make([]any, len(at))
	for i := range row {
		targets[i] = &row[i]
	}
	for rows.Next() {
		// A row has four bytes at least. A damaged tree may come by the same ones again and again.
		if in.report.Total++; int64(in.report.Total) > size/4 {
			return errors.New("it is corrupt: it has more rows than fit into the file")
		}
		if !in.sqliteRow(rows, targets, row, at, finish) {
			return nil
		}
	}
	if err := rows.Err(); err != nil {
		// What came before is kept.
		in.problem(&RowError{Where: fmt.Sprintf("table %s, after row %d", table, in.report.Total), Err: fmt.Errorf("%w: %w", ErrIncomplete, err)})
	}
	return nil
}

func (in *input) sqliteRow(rows *sql.Rows, targets, row []any, columns []int, finish func(*Finding)) bool {
	var f Finding
	err := rows.Scan(targets...)
	for i := 0; i < len(columns) && err == nil; i++ {
		c := findingColumns[columns[i]]
		if err = c.set(&f, row[i]); err != nil {
			err = fmt.Errorf("column %q: %w", c.name, err)
		}
	}
	if err != nil {
		return in.problem(&RowError{Where: fmt.Sprintf("row %d", in.report.Total), Err: err})
	}
	if finish != nil {
		finish(&f)
	}
	return in.row(f, 0)
}
