package dataset

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// busyTimeout is how long a writer waits for another one, of this process or of another.
const busyTimeout = 30 * time.Second

// ErrNotFound says that the store has no row of an id.
var ErrNotFound = errors.New("no such row")

// Store is the SQLite data base of training data. Several processes may use one at the same time: it is in WAL mode
// (https://sqlite.org/wal.html), readers never wait, and writers wait for each other. Its methods may be called from several
// goroutines.
type Store struct {
	db    *sql.DB
	path  string
	notes []string
}

// Open opens a data base, and makes it where there is none; its folder must be there. Older versions of the schema are
// brought up to date, a newer one is refused. A data base of the study, which has a plain training_data table, is converted in
// place and loses nothing; a copy of it as it was is put beside it first (see [Store.Notes]).
func Open(path string) (*Store, error) {
	ctx := context.Background()
	dsn, err := dsn(path)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s := &Store{db: db, path: path}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(explainOpen(path, err), db.Close())
	}
	return s, nil
}

// dsn is the driver's name for a file.
func dsn(path string) (string, error) {
	u, err := fileURL(path)
	if err != nil {
		return "", err
	}
	folder := filepath.Dir(filepath.FromSlash(u.Path))
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s: the folder %s is not there: `janus data init` makes it", path, folder)
	}
	u.RawQuery = url.Values{
		"_pragma": {fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()), "foreign_keys(1)"},
		// A transaction that begins with a read and then writes would fail, not wait, where another writer came between.
		"_txlock": {"immediate"},
	}.Encode()
	return u.String(), nil
}

// fileURL is a file's name as a URI, in which no character of a path means anything else.
func fileURL(path string) (*url.URL, error) {
	if path == "" {
		return nil, errors.New("the data base has no name")
	}
	abs, err := filepath.Abs(path)
	return &url.URL{Scheme: "file", Path: filepath.ToSlash(abs)}, err
}

// prepare makes the file what the rest relies on.
func (s *Store) prepare(ctx context.Context) error {
	if err := s.checkOwner(ctx); err != nil {
		return err
	}
	if err := s.useWAL(ctx); err != nil {
		return err
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	return s.fillHashes(ctx)
}

// useWAL turns the write-ahead log on, which stays on in the file. Two processes that do so at once may find the file locked
// without SQLite's own waiting.
func (s *Store) useWAL(ctx context.Context) error {
	for deadline := time.Now().Add(busyTimeout); ; time.Sleep(20 * time.Millisecond) {
		var mode string
		err := s.db.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode)
		if code(err) == sqlite3.SQLITE_BUSY && time.Now().Before(deadline) {
			continue
		}
		return err
	}
}

// code is SQLite's primary result code of an error, or 0.
func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// explainOpen says what to do about a file that does not open.
func explainOpen(path string, err error) error {
	switch code(err) {
	case sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%s: not a SQLite data base (%w): name the data base with --db, and import other files with `janus data import`", path, err)
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		return fmt.Errorf("%s: cannot be opened for writing (%w): the file and its folder must be writable", path, err)
	case sqlite3.SQLITE_BUSY:
		return fmt.Errorf("%s: another program has kept it locked for %s (%w): try again when that is done", path, busyTimeout, err)
	case sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("%s: the file is damaged (%w): `sqlite3 %s .recover` may save its rows", path, err, path)
	}
	return fmt.Errorf("%s: %w", path, err)
}

// Path is the file's name as given to Open.
func (s *Store) Path() string { return s.path }

// Notes say what Open had to do to the file, a sentence each.
func (s *Store) Notes() []string { return s.notes }

// Close closes the data base.
func (s *Store) Close() error { return s.db.Close() }

// Check has SQLite look through the whole file for damage (https://sqlite.org/pragma.html#pragma_integrity_check).
func (s *Store) Check(ctx context.Context) error {
	var found string
	if err := s.db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&found); err != nil {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	if found != "ok" {
		return fmt.Errorf("%s: the file is damaged: %s", s.path, found)
	}
	return nil
}

// write runs f in one transaction: all of what it writes is kept, or nothing.
func (s *Store) write(ctx context.Context, f func(tx *sql.Tx) error) error {
	if err := inTransaction(ctx, s.db, f); err != nil {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	return nil
}

// inTransaction runs f in a transaction of a data base or a connection.
func inTransaction(ctx context.Context, on interface {
	BeginTx(context.Context, *sql.TxOptions) (*sql.Tx, error)
}, f func(tx *sql.Tx) error,
) error {
	tx, err := on.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		if e := tx.Rollback(); e != nil && !errors.Is(e, sql.ErrTxDone) {
			return errors.Join(err, e)
		}
		return err
	}
	return tx.Commit()
}
