package finding

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// WriteSQLite writes a SQLite database with the tables of [SQLiteSchema]: every
// finding, and a verdict of each that was judged or failed. An id that stands
// before in the same output gets a number after it, since ids are unique here:
// "a", "a-2". The database is made in the temporary folder and then copied to w.
func WriteSQLite(w io.Writer, reviewed []Reviewed) (err error) {
	dir, err := os.MkdirTemp("", "janus-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "findings.db")
	if err := makeSQLite(path, reviewed); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	_, err = io.Copy(w, f)
	return err
}

func makeSQLite(path string, reviewed []Reviewed) (err error) {
	// The file is nobody's until it is copied, so nothing is lost where this is cut off.
	query := url.Values{"_pragma": {"journal_mode(OFF)", "synchronous(OFF)"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}).String())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(SQLiteSchema); err != nil {
		return err
	}
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	if err := insertReviewed(tx, reviewed); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func insertReviewed(tx *sql.Tx, reviewed []Reviewed) error {
	findings, err := tx.Prepare(insertInto("findings", FindingColumns()))
	if err != nil {
		return err
	}
	verdicts, err := tx.Prepare(insertInto("verdicts", VerdictColumns()))
	if err != nil {
		return err
	}
	ids := uniqueIDs{}
	for _, r := range reviewed {
		for i := range r.Report.Findings {
			f, v := r.Report.Findings[i], r.verdict(i)
			f.ID = ids.next(f.ID)
			if _, err := findings.Exec(FindingRow(&f)...); err != nil {
				return fmt.Errorf("finding %s: %w", f.ID, err)
			}
			if !v.Done() {
				continue
			}
			v.ID = f.ID
			if _, err := verdicts.Exec(VerdictRow(&v)...); err != nil {
				return fmt.Errorf("verdict of %s: %w", f.ID, err)
			}
		}
	}
	return nil
}

func insertInto(table string, columns []string) string {
	return `INSERT INTO ` + table + ` ("` + strings.Join(columns, `", "`) + `") VALUES (?` + strings.Repeat(", ?", len(columns)-1) + ")"
}

// uniqueIDs makes ids that may be given twice into ids that are not.
type uniqueIDs map[string]int

func (seen uniqueIDs) next(id string) string {
	for unique := id; ; {
		if seen[unique] == 0 {
			seen[unique] = 1
			return unique
		}
		seen[id]++
		unique = id + "-" + strconv.Itoa(seen[id])
	}
}
