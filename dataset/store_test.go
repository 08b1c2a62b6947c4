package dataset

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/januslm/janus/finding"
)

// openTest opens a new store.
func openTest(t *testing.T) *Store {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "janus.db"))
}

func openAt(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// example is a row that differs from others by its number.
func example(n int) Example {
	return Example{
		Request:      fmt.Sprintf("GET /item/%d HTTP/1.1\r\nHost: shop.example\r\n\r\n", n),
		Response:     "HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\nok",
		Analysis:     "The header is missing.",
		IsVulnerable: n%2 == 0,
		VulnCategory: Categories()[n%4],
	}
}

// all gives every row, without the times.
func all(t *testing.T, s *Store, f Filter) []Example {
	t.Helper()
	var out []Example
	for e, err := range s.Examples(t.Context(), f) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

var ignoreTimes = cmpopts.IgnoreFields(Example{}, "Created")

func TestExamples(t *testing.T) {
	s := openTest(t)
	in := []Example{example(0), example(1), example(2)}
	in[0].Split, in[1].Split = "train", "test"
	in[0].PairID, in[1].PairID = "p", "p"
	in[2].Source = "other"
	in[2].Note = "quotes ' \" ; DROP TABLE training_data; --"
	ids, err := s.AddExamples(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	for i := range in {
		in[i].ID = ids[i]
	}
	yes := true
	for name, c := range map[string]struct {
		filter Filter
		want   []Example
	}{
		"all":        {Filter{}, in},
		"category":   {Filter{Category: XSS}, in[1:2]},
		"split":      {Filter{Split: "train"}, in[:1]},
		"no split":   {Filter{Split: NoSplit}, in[2:]},
		"source":     {Filter{Source: "other"}, in[2:]},
		"vulnerable": {Filter{Vulnerable: &yes}, []Example{in[0], in[2]}},
		"pair":       {Filter{PairID: "p"}, in[:2]},
		"page":       {Filter{Limit: 1, Offset: 1}, in[1:2]},
		"after":      {Filter{After: ids[0]}, in[1:]},
		"ids":        {Filter{IDs: []int64{ids[2], ids[0]}}, []Example{in[0], in[2]}},
	} {
		if diff := cmp.Diff(c.want, all(t, s, c.filter), ignoreTimes); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if n, err := s.CountExamples(t.Context(), c.filter); err != nil || n != len(c.want) {
			t.Errorf("%s: counted %d, %v, expected %d", name, n, err, len(c.want))
		}
	}

	in[1].Analysis = "changed"
	if err := s.UpdateExample(t.Context(), in[1]); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Example(t.Context(), ids[1]); err != nil || got.Analysis != "changed" {
		t.Errorf("got %q, %v", got.Analysis, err)
	}
	if n, err := s.DeleteExamples(t.Context(), ids[:2]); err != nil || n != 2 {
		t.Errorf("deleted %d, %v", n, err)
	}
	if _, err := s.Example(t.Context(), ids[0]); !errors.Is(err, ErrNotFound) {
		t.Errorf("a deleted row gives %v", err)
	}
	if err := s.UpdateExample(t.Context(), in[0]); !errors.Is(err, ErrNotFound) {
		t.Errorf("an update of a deleted row gives %v", err)
	}
}

// A pair goes in whole or not at all.
func TestAddExamplesIsOneTransaction(t *testing.T) {
	s := openTest(t)
	bad := example(1)
	bad.VulnCategory = ""
	if _, err := s.AddExamples(t.Context(), []Example{example(0), bad}); err == nil {
		t.Fatal("a row without a category went in")
	}
	if _, err := s.db.Exec("CREATE TRIGGER no BEFORE INSERT ON training_data WHEN new.note = 'no' BEGIN SELECT RAISE(ABORT, 'no'); END"); err != nil {
		t.Fatal(err)
	}
	bad = example(1)
	bad.Note = "no"
	if _, err := s.AddExamples(t.Context(), []Example{example(0), bad}); err == nil {
		t.Fatal("the trigger did not stop it")
	}
	if n, err := s.CountExamples(t.Context(), Filter{}); err != nil || n != 0 {
		t.Errorf("%d rows, %v: expected none", n, err)
	}
}

func TestFindings(t *testing.T) {
	s := openTest(t)
	line := 7
	f := finding.Finding{
		ID: "1", Source: "a", Tool: "t", Category: "code", File: "x.go", Line: &line, Message: "m", Label: "TP",
		Flow: []string{"in", "out"}, Fingerprints: map[string]string{"k": "v"}, Group: "g",
	}
	other := finding.Finding{ID: "1", Source: "b", Message: "m", Label: "FP"}
	count := func(wantAdded, wantReplaced int, in ...finding.Finding) {
		t.Helper()
		if added, replaced, err := s.AddFindings(t.Context(), in); err != nil || added != wantAdded || replaced != wantReplaced {
			t.Errorf("added %d, replaced %d, %v; expected %d, %d", added, replaced, err, wantAdded, wantReplaced)
		}
	}
	count(2, 0, f, other)
	count(0, 0, f, other)
	if _, err := s.db.Exec("UPDATE findings SET split = 'test'"); err != nil {
		t.Fatal(err)
	}
	f.Message = "better"
	count(0, 1, f)
	var got []finding.Finding
	for f, err := range s.Findings(t.Context(), Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, f)
	}
	f.Split, other.Split = "test", "test"
	if diff := cmp.Diff([]finding.Finding{f, other}, got); diff != "" {
		t.Error(diff)
	}
	no := false
	if n, err := s.CountFindings(t.Context(), Filter{Vulnerable: &no}); err != nil || n != 1 {
		t.Errorf("%d false alarms, %v: expected 1", n, err)
	}
	rows, err := s.db.Query("SELECT name FROM pragma_table_info('findings')")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close() //nolint:errcheck // a test
	var columns []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		columns = append(columns, name)
	}
	if diff := cmp.Diff(finding.FindingColumns(), columns); diff != "" {
		t.Errorf("the table's columns are not a finding's: add a migration: %s", diff)
	}
}

// seedDB makes a data base of the study, from its own SQL.
func seedDB(t *testing.T, statements string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "study 100%?#.db")
	name, err := dsn(path)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(statements); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSeedSchemas(t *testing.T) {
	want := []Example{
		{ID: 3, Request: "GET / HTTP/1.1", Response: "HTTP/1.1 200 OK", Analysis: "bad", IsVulnerable: true, VulnCategory: XSS},
		{ID: 9, Request: "GET /2", Response: "", Analysis: "", VulnCategory: Info},
	}
	const insert = "INSERT INTO training_data (id, request, response, analysis, is_vulnerable, vuln_category) VALUES " +
		"(3, 'GET / HTTP/1.1', 'HTTP/1.1 200 OK', 'bad', %s, 'XSS'), (9, 'GET /2', NULL, NULL, %s, 'INFO');"
	for name, c := range map[string]struct{ create, yes, no string }{
		"integer": {"CREATE TABLE training_data (id INTEGER PRIMARY KEY AUTOINCREMENT, request TEXT, response TEXT, analysis TEXT, is_vulnerable INTEGER, vuln_category TEXT);", "1", "0"},
		"boolean": {"CREATE TABLE training_data (id INTEGER PRIMARY KEY, request TEXT, response TEXT, analysis TEXT, is_vulnerable BOOLEAN, vuln_category VARCHAR(50));", "TRUE", "FALSE"},
		"text":    {"CREATE TABLE training_data (id INTEGER, request TEXT, response TEXT, analysis TEXT, is_vulnerable TEXT, vuln_category TEXT);", "'True'", "'fp'"},
		"version": {"PRAGMA user_version = 7; CREATE TABLE training_data (id INTEGER, request TEXT, response TEXT, analysis TEXT, is_vulnerable REAL, vuln_category TEXT);", "1.0", "0.0"},
	} {
		t.Run(name, func(t *testing.T) {
			path := seedDB(t, c.create+fmt.Sprintf(insert, c.yes, c.no))
			s := openAt(t, path)
			if diff := cmp.Diff(want, all(t, s, Filter{}), ignoreTimes); diff != "" {
				t.Error(diff)
			}
			if len(s.Notes()) != 1 {
				t.Errorf("notes: %q", s.Notes())
			}
			backup := openRaw(t, path+".before-janus")
			var n int
			if err := backup.QueryRow("SELECT count(*) FROM training_data").Scan(&n); err != nil || n != 2 {
				t.Errorf("the copy has %d rows, %v", n, err)
			}
			again := openAt(t, path)
			if len(again.Notes()) != 0 {
				t.Errorf("opened again: %q", again.Notes())
			}
			// The study's own writer goes on as it did.
			if _, err := s.db.Exec("INSERT INTO training_data (request, response, analysis, is_vulnerable, vuln_category) VALUES ('a', 'b', 'c', 1, 'XSS')"); err != nil {
				t.Error(err)
			}
			third := openAt(t, path)
			var unhashed int
			if err := third.db.QueryRow("SELECT count(*) FROM training_data WHERE content_hash = '' OR origin_hash = ''").Scan(&unhashed); err != nil || unhashed != 0 {
				t.Errorf("%d rows have no hash, %v", unhashed, err)
			}
		})
	}
}

func openRaw(t *testing.T, path string) *sql.DB {
	t.Helper()
	name, err := dsn(path)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() }) //nolint:errcheck // a test
	return db
}

// What the store does not know of a data base of the study is kept.
func TestSeedKeepsAll(t *testing.T) {
	path := seedDB(t, `
		CREATE TABLE training_data (id TEXT PRIMARY KEY, request TEXT, response TEXT, analysis TEXT, is_vulnerable TEXT, vuln_category TEXT, "model; x" TEXT, score REAL);
		CREATE INDEX training_data_class ON training_data (vuln_category);
		CREATE VIEW vulnerable AS SELECT * FROM training_data WHERE is_vulnerable;
		CREATE TABLE benchmarks (id INTEGER PRIMARY KEY, f1 REAL);
		CREATE TABLE runs (row TEXT REFERENCES training_data (id) ON DELETE CASCADE);
		INSERT INTO training_data VALUES ('u-1', 'r', 's', 'a', 'true', 'XSS', 'gpt', 0.5), ('u-2', 'r2', 's', 'a', 'perhaps', 'XSS', NULL, NULL);
		INSERT INTO benchmarks VALUES (1, 0.93);
		INSERT INTO runs VALUES ('u-1');`)
	s := openAt(t, path)
	for query, want := range map[string]string{
		`SELECT original_id || "model; x" || score FROM training_data`: "u-1gpt0.5",
		"SELECT request FROM training_data_unread":                     "r2",
		"SELECT f1 FROM benchmarks_before_janus":                       "0.93",
		"SELECT row FROM runs":                                         "u-1",
		"SELECT request FROM vulnerable":                               "r",
		"PRAGMA integrity_check":                                       "ok",
	} {
		var got string
		if err := s.db.QueryRow(query).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %q, %v; expected %q", query, got, err, want)
		}
	}
	if got := strings.Join(s.Notes(), "\n"); !strings.Contains(got, "training_data_unread") || !strings.Contains(got, "original_id") {
		t.Errorf("notes: %q", got)
	}
}

func TestOpenRefuses(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is no data base\n", 100)), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ path, want string }{
		"newer":   {seedDB(t, fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = 99", applicationID)), "newer Janus"},
		"foreign": {seedDB(t, "CREATE TABLE places (url TEXT)"), "another program"},
		"owned":   {seedDB(t, "PRAGMA application_id = 5; CREATE TABLE training_data (id INTEGER)"), "another program"},
		"shape":   {seedDB(t, "CREATE TABLE training_data (id INTEGER, text TEXT)"), "not the study's"},
		"text":    {text, "not a SQLite data base"},
		"folder":  {filepath.Join(t.TempDir(), "no", "such.db"), "janus data init"},
		"empty":   {"", "no name"},
	} {
		before, _ := os.ReadFile(c.path) //nolint:errcheck // nil where there is none
		s, err := Open(c.path)
		if err == nil {
			t.Errorf("%s: opened", name)
			s.Close() //nolint:errcheck // the test has failed
			continue
		}
		if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; expected %q in it", name, err, c.want)
		}
		if after, _ := os.ReadFile(c.path); name != "newer" && string(before) != string(after) { //nolint:errcheck // as above
			t.Errorf("%s: the file was changed", name)
		}
	}
}

// Before SQLite 3.45 json_valid(NULL) is 0: a check that leaves NULL to it makes every row wrong for other programs.
func TestChecksOfNull(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "janus.db"))
	rows, err := s.db.QueryContext(t.Context(), `SELECT name, sql FROM sqlite_master WHERE type = 'table'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close() //nolint:errcheck // Err says what went wrong
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(text) {
			if strings.Contains(line, "json_valid(") && !strings.Contains(line, "IS NULL OR") && !strings.Contains(line, "NOT NULL") {
				t.Errorf("%s: %s", name, line)
			}
		}
	}
	if err := rows.Err(); err != nil {
		t.Error(err)
	}
}
