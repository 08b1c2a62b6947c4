package finding

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// database makes a database of statements and gives its bytes.
func database(t testing.TB, statements ...string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestSQLiteRoundTrip(t *testing.T) {
	want := hostileReport()
	var out bytes.Buffer
	if err := WriteSQLite(&out, []Reviewed{want}); err != nil {
		t.Fatal(err)
	}
	report := readString(t, out.String(), "auto")
	if report.Format != "sqlite" || len(report.Problems) != 0 {
		t.Fatalf("%s, problems %v", report.Format, report.Problems)
	}
	if diff := cmp.Diff(want.Report.Findings, report.Findings, ignoreOrigin); diff != "" {
		t.Error(diff)
	}

	// The verdicts are those that were given.
	path := filepath.Join(t.TempDir(), "x.db")
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // only read
	rows, err := db.Query("SELECT * FROM verdicts ORDER BY rowid")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close() //nolint:errcheck // only read
	var got, given []Verdict
	for rows.Next() {
		cells, at := make([]any, len(VerdictColumns())), make([]any, len(VerdictColumns()))
		for i := range cells {
			at[i] = &cells[i]
		}
		if err := rows.Scan(at...); err != nil {
			t.Fatal(err)
		}
		v, err := VerdictFromRow(cells)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, v)
	}
	for _, v := range want.Verdicts {
		if v.Done() {
			given = append(given, v)
		}
	}
	if diff := cmp.Diff(given, got); diff != "" {
		t.Error(diff)
	}
}

// TestSQLiteSameIDs: two reports may have the same ids.
func TestSQLiteSameIDs(t *testing.T) {
	one := Reviewed{Report: &Report{Findings: []Finding{{ID: "a", Message: "m"}, {ID: "a-2", Message: "m"}}}, Verdicts: []Verdict{{ID: "a", Verdict: TruePositive, P: 1}}}
	var out bytes.Buffer
	if err := WriteSQLite(&out, []Reviewed{one, one}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range readString(t, out.String(), "auto").Findings {
		got = append(got, f.ID)
	}
	if strings.Join(got, " ") != "a a-2 a-3 a-2-2" {
		t.Error(got)
	}
}

func TestSQLiteTrainingData(t *testing.T) {
	for name, create := range map[string]string{
		"study": `CREATE TABLE training_data (id INTEGER PRIMARY KEY, request TEXT NOT NULL, response TEXT NOT NULL, analysis TEXT, is_vulnerable BOOLEAN, vuln_category TEXT CHECK (vuln_category IN ('XSS', 'INFO')))`,
		"plain": `CREATE TABLE training_data (id, request, response, analysis, is_vulnerable, vuln_category)`,
	} {
		data := database(t, create, `CREATE TABLE findings (id, message)`,
			`INSERT INTO training_data VALUES (1, 'GET / HTTP/1.1', 'HTTP/1.1 200 OK', 'It is real.', 1, 'XSS'), (2, '', '', '', 0, 'INFO'), (3, 'GET /2 HTTP/1.1', 'HTTP/1.1 404', NULL, 0, 'INFO')`)
		report := readString(t, string(data), "auto")
		if report.Total != 3 || len(report.Findings) != 3 || report.Messages != 2 {
			t.Fatalf("%s: %d of %d, %d messages, %v", name, len(report.Findings), report.Total, report.Messages, report.Problems)
		}
		want := Finding{ID: "1", Source: "training_data", Rule: "xss", CWE: "CWE-79", Category: "XSS", Language: "http", Title: "Cross-site scripting",
			Request: "GET / HTTP/1.1", Response: "HTTP/1.1 200 OK", Label: "TP"}
		if diff := cmp.Diff(want, report.Findings[0], ignoreOrigin); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if f := report.Findings[2]; f.Label != "FP" || f.ID != "3" {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestSQLiteOthersColumns(t *testing.T) {
	data := database(t, `CREATE TABLE Findings (path TEXT, "Line Number" INT, description TEXT, secret TEXT GENERATED ALWAYS AS (hex(path)), "weird""name" INT)`,
		`INSERT INTO findings VALUES ('a.c', 4, 'm', 0), ('b.c', 'x', 'm', 0), (x'ff', 5, 'm', 0)`)
	report := readString(t, string(data), "auto")
	if len(report.Findings) != 2 || report.Findings[0].Location() != "a.c:4" || report.Findings[1].File != "\uFFFD" {
		t.Errorf("%+v", report.Findings)
	}
	if len(report.Problems) != 1 || report.Problems[0].Error() != `in: row 2: column "line": expected a number, found "x"` {
		t.Error(report.Problems)
	}
}

func TestSQLiteRefuses(t *testing.T) {
	view := database(t, `CREATE TABLE other (x)`, `CREATE VIEW findings AS WITH RECURSIVE c(message) AS (SELECT 1 UNION ALL SELECT message + 1 FROM c) SELECT message FROM c`)
	none := database(t, `CREATE TABLE findings (x, y)`, `INSERT INTO findings VALUES (1, 2)`)
	for want, data := range map[string][]byte{
		`expected a table findings or training_data, found "other"`:          view,
		`table findings: it has no column of a finding: expected some of id`: none,
		`in: the database cannot be read: `:                                  append([]byte(sqliteMagic), make([]byte, 4096)...),
		`expected a table findings or training_data, found no tables`:        database(t, `PRAGMA user_version = 1`),
		`in: larger than the limit of 1024 bytes`:                            append(view, make([]byte, 100)...),
		`in: the database cannot be read: database disk image is malformed`:  append(bytes.Clone(view[:100]), make([]byte, 4096)...),
	} {
		limit := int64(1 << 20)
		if strings.Contains(want, "1024") {
			limit = 1024
		}
		_, err := Read("in", bytes.NewReader(data), "auto", ReadOptions{MaxBytes: limit})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestSQLiteCutShort: what can be read of a damaged database is read.
func TestSQLiteCutShort(t *testing.T) {
	data := database(t, SQLiteSchema,
		`WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 2000) INSERT INTO findings (id, message) SELECT n, hex(zeroblob(100)) FROM c`)
	for i := len(data) / 2; i < len(data); i++ {
		data[i] = 0xff
	}
	report, err := Read("in", bytes.NewReader(data), "auto", ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Findings) == 0 || len(report.Findings) >= 2000 || len(report.Problems) != 1 || !strings.Contains(report.Problems[0].Error(), "cannot be read further") {
		t.Errorf("%d findings, %v", len(report.Findings), report.Problems)
	}
}
