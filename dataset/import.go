package dataset

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/januslm/janus/finding"
)

// ImportOptions say how a file is taken in.
type ImportOptions struct {
	Format   string                  // of findings, as finding.Read takes it; empty or "auto": what the content says, training data too
	Source   string                  // what rows without a source are said to come from; empty means the file's name
	Progress func(read, total int64) // called now and then, with the bytes read of a file that is read in order; may be nil
}

// Imported is what an import did.
type Imported struct {
	Examples, Findings int // rows that could be read
	Added              int // of them, rows that are new
	Known              int // rows that the store had
	Replaced           int // findings that the store had otherwise
	// Problems are the rows that could not be taken, each a *finding.RowError; the others are in the store.
	Problems []error
}

// String says it in a line: "12 rows: 10 new, 2 known".
func (d *Imported) String() string {
	text := fmt.Sprintf("%d rows: %d new", d.Examples+d.Findings, d.Added)
	for _, part := range []struct {
		n    int
		what string
	}{{d.Replaced, "changed"}, {d.Known, "known"}, {len(d.Problems), "not taken"}} {
		if part.n > 0 {
			text += fmt.Sprintf(", %d %s", part.n, part.what)
		}
	}
	return text
}

// importBatch is how many rows go in in one transaction. After a crash, what is lost is the rest of a batch, and a second
// import of the file brings it.
const importBatch = 500

// Import takes in a file: rows in the shape of training_data, as JSON lines, CSV, Parquet or SQLite, or findings in any format
// that package finding reads. Which it is, its content says. gzip is seen through.
//
// A row that the store has (see [Example.ContentHash]), as it is or as it once came in, is not added again, so that an import
// may be repeated; a row that stands in the file n times is there n times afterwards. Ids are kept where they are free.
func (s *Store) Import(ctx context.Context, path string, o ImportOptions) (*Imported, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it is only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	counted := &countingReader{r: f}
	head, err := finding.Unzip(path, counted)
	if err != nil {
		return nil, err
	}
	start, err := head.Peek(sniffBytes)
	if err != nil && len(start) == 0 && !errors.Is(err, io.EOF) { // of a file that is cut short, its beginning is read
		return nil, fmt.Errorf("%s: cannot be read: %w", path, err)
	}
	im := &importer{ctx: ctx, store: s, path: path, options: o, size: info.Size(), read: counted, seen: map[string]int{}}
	if im.options.Source == "" {
		im.options.Source = filepath.Base(path)
	}
	whole := bytes.HasPrefix(start, []byte("PAR1")) || bytes.HasPrefix(start, []byte("SQLite format 3\x00"))
	switch named := o.Format != "" && o.Format != "auto"; {
	case named:
		err = im.stream(io.MultiReader(head), "")
	case whole:
		err = im.wholeFile(head, start[0] == 'P')
	default:
		err = im.stream(io.MultiReader(head), looksLikeExamples(start))
	}
	if err == nil {
		err = im.flush()
	}
	if err == nil {
		err = im.failed
	}
	return &im.result, err
}

// sniffBytes is how much of a file its kind is told from.
const sniffBytes = 64 << 10

// importer is an import under way.
type importer struct {
	ctx      context.Context
	store    *Store
	path     string
	options  ImportOptions
	size     int64
	read     *countingReader
	result   Imported
	seen     map[string]int // how often the file has had a row, by its hash
	examples []Example      // that wait for their transaction
	findings []finding.Finding
	failed   error // of the store: nothing more can be written
}

// stream imports a file that is read from its beginning to its end.
func (im *importer) stream(r io.Reader, examples string) error {
	switch examples {
	case "jsonl":
		return readJSONLExamples(im.path, r, im.example)
	case "csv":
		return readCSVExamples(im.path, r, im.example)
	}
	_, err := finding.Scan(im.path, r, im.options.Format, finding.ReadOptions{}, im.finding)
	return err
}

// wholeFile imports a file that is not read in order. One that is compressed is unpacked first.
func (im *importer) wholeFile(unzipped *bufio.Reader, isParquet bool) (err error) {
	f, err := os.Open(im.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var magic [2]byte
	if _, err := f.ReadAt(magic[:], 0); err == nil && magic == [2]byte{0x1f, 0x8b} {
		folder, err := os.MkdirTemp("", "janus-import-*") // SQLite puts files beside its own
		if err != nil {
			return err
		}
		defer os.RemoveAll(folder) //nolint:errcheck // of what is only a copy
		unpacked, err := os.Create(filepath.Join(folder, "unpacked"))
		if err != nil {
			return err
		}
		err = f.Close()
		f = unpacked
		if err != nil {
			return err
		}
		if _, err := io.Copy(unpacked, unzipped); err != nil {
			return fmt.Errorf("%s: cannot be unpacked: %w", im.path, err)
		}
	}
	if !isParquet {
		return im.sqlite(f.Name())
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	file, leaves, err := openParquet(f, info.Size())
	if err != nil {
		return fmt.Errorf("%s: %w", im.path, err)
	}
	if hasColumns(slices.Collect(maps.Values(leaves))) {
		return readParquetExamples(im.path, file, leaves, im.example)
	}
	return im.scan(f)
}

// scan reads findings from a file's beginning.
func (im *importer) scan(f *os.File) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return im.stream(f, "")
}

// example takes a row; false stops.
func (im *importer) example(e Example, err error) bool {
	if err != nil {
		im.result.Problems = append(im.result.Problems, err)
		return true
	}
	im.result.Examples++
	if e.Source == "" {
		e.Source = im.options.Source
	}
	// Rows of a pair that stand together go in together.
	if n := len(im.examples); n >= importBatch && (e.PairID == "" || e.PairID != im.examples[n-1].PairID) && !im.flushOrFail() {
		return false
	}
	im.examples = append(im.examples, e)
	return true
}

// finding takes a finding; false stops.
func (im *importer) finding(f finding.Finding, err error) bool {
	if err == nil && f.Label != "" {
		var vulnerable bool
		if vulnerable, err = ParseLabel(f.Label); err == nil {
			f.Label = (&Example{IsVulnerable: vulnerable}).Label()
		} else {
			err = &finding.RowError{Input: im.path, Line: f.Origin.Line, Where: fmt.Sprintf("finding %d", f.Origin.Result+1), Err: fmt.Errorf("label: %w", err)}
		}
	}
	if err != nil {
		im.result.Problems = append(im.result.Problems, err)
		return true
	}
	im.result.Findings++
	if f.Source == "" {
		f.Source = im.options.Source
	}
	if len(im.findings) >= importBatch && !im.flushOrFail() {
		return false
	}
	im.findings = append(im.findings, f)
	return true
}

func (im *importer) flushOrFail() bool {
	im.failed = im.flush()
	if im.options.Progress != nil {
		im.options.Progress(im.read.n, im.size)
	}
	return im.failed == nil
}

// countingReader counts what is read.
type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// flush writes what waits.
func (im *importer) flush() error {
	if im.failed != nil {
		return im.failed
	}
	if err := im.ctx.Err(); err != nil {
		return err
	}
	if len(im.findings) > 0 {
		added, replaced, err := im.store.AddFindings(im.ctx, im.findings)
		if err != nil {
			return err
		}
		im.result.Added += added
		im.result.Replaced += replaced
		im.result.Known += len(im.findings) - added - replaced
	}
	added, err := im.store.addNew(im.ctx, im.examples, im.seen)
	if err != nil {
		return err
	}
	im.result.Added += added
	im.result.Known += len(im.examples) - added
	im.examples, im.findings = im.examples[:0], im.findings[:0]
	return nil
}

// addNew adds those rows, in one transaction, that the store does not have as often as seen counts them.
func (s *Store) addNew(ctx context.Context, examples []Example, seen map[string]int) (added int, err error) {
	if len(examples) == 0 {
		return 0, nil
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		insert, err := tx.PrepareContext(ctx, insertExample)
		if err != nil {
			return err
		}
		defer insert.Close() //nolint:errcheck // the transaction's end closes it
		find, err := tx.PrepareContext(ctx, "SELECT (SELECT count(*) FROM "+trainingTable+" WHERE content_hash = ?1 OR origin_hash = ?1), EXISTS (SELECT 1 FROM "+trainingTable+" WHERE id = ?2)")
		if err != nil {
			return err
		}
		defer find.Close() //nolint:errcheck // as above
		for _, e := range examples {
			hash := e.ContentHash()
			seen[hash]++
			var have int
			var taken bool
			if err := find.QueryRowContext(ctx, hash, e.ID).Scan(&have, &taken); err != nil {
				return err
			}
			if have >= seen[hash] {
				continue
			}
			var id any
			if e.ID > 0 && !taken {
				id = e.ID
			}
			if _, err := addExample(ctx, insert, e, id); err != nil {
				return err
			}
			added++
		}
		return nil
	})
	return added, err
}

// openUntrusted opens a data base that anybody may have made: nothing is written, no function of its schema is run, and no value
// is larger than the file.
func openUntrusted(ctx context.Context, path string, size int64) (*sql.DB, error) {
	u, err := fileURL(path)
	if err != nil {
		return nil, err
	}
	u.RawQuery = url.Values{
		"mode":    {"ro"},
		"_pragma": {fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()), "trusted_schema(0)", "cell_size_check(1)", "query_only(1)"},
	}.Encode()
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // the one that has the limit
	conn, err := db.Conn(ctx)
	if err == nil {
		_, err = sqlite.Limit(conn, sqlite3.SQLITE_LIMIT_LENGTH, int(min(size+1<<20, 1e9)))
		err = errors.Join(err, conn.Close())
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// sqlite imports another data base: its training_data, and the findings of a store.
func (im *importer) sqlite(path string) error {
	size := int64(0)
	for _, name := range []string{path, path + "-wal"} {
		if info, err := os.Stat(name); err == nil {
			size += info.Size()
		}
	}
	db, err := openUntrusted(im.ctx, path, size)
	if err != nil {
		return fmt.Errorf("%s: %w", im.path, err)
	}
	defer db.Close() //nolint:errcheck // it is only read
	tables, err := tableNames(im.ctx, db)
	if err != nil {
		return fmt.Errorf("%s: %w", im.path, err)
	}
	if !tables[trainingTable] {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close() //nolint:errcheck // it is only read
		return im.scan(f)
	}
	if err := checkSeed(im.ctx, db); err != nil {
		return fmt.Errorf("%s: %w", im.path, err)
	}
	if err := readSQLiteExamples(im.ctx, db, im.path, im.example); err != nil {
		return fmt.Errorf("%s: %w", im.path, err)
	}
	if version, err := ownVersion(im.ctx, db); err != nil || version == 0 {
		return err
	}
	other := &Store{db: db, path: im.path} // a store of Janus has findings too
	for f, err := range other.Findings(im.ctx, Filter{}) {
		if err != nil {
			return err
		}
		if !im.finding(f, nil) {
			break
		}
	}
	return nil
}

// readSQLiteExamples reads a table training_data with whatever columns it has.
func readSQLiteExamples(ctx context.Context, db *sql.DB, name string, yield rowFunc) error {
	stored, err := seedColumns(ctx, db, trainingTable)
	if err != nil {
		return err
	}
	var columns []string
	for _, c := range stored {
		if name := strings.ToLower(c.name); name == "id" || slices.Contains(exampleColumns, name) {
			columns = append(columns, name)
		}
	}
	rows, err := db.QueryContext(ctx, "SELECT "+quoteNames(columns)+" FROM "+trainingTable)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Err says what went wrong
	for number := 1; rows.Next(); number++ {
		values, places := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			places[i] = &values[i]
		}
		if err := rows.Scan(places...); err != nil {
			return err
		}
		cells := map[string]any{}
		for i, column := range columns {
			cells[column] = values[i]
		}
		e, err := exampleOf(cells)
		if err != nil {
			err = &finding.RowError{Input: name, Where: fmt.Sprintf("training_data row %d", number), Err: err}
		}
		if !yield(e, err) {
			return nil
		}
	}
	return rows.Err()
}
