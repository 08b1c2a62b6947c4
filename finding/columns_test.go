package finding

import (
	"database/sql"
	"testing"

	"github.com/google/go-cmp/cmp"
	_ "modernc.org/sqlite"
)

// fullFinding has something in every column, of the kind that breaks formats.
func fullFinding() Finding {
	line := 7
	return Finding{
		ID: "a,b\"c", Source: "s", Tool: "=1+1", Rule: "@SUM(A1)", CWE: "CWE-79", Category: "http", Language: "java",
		File: "-x/y.java", Line: &line, EndLine: 9, Title: "+t", Message: "m\r\nn\t'quoted'", Level: "error", Severity: "8.1",
		Snippet: "<script>alert(1)</script>\n```|`", Focus: "\tfocus", Request: "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
		Response: "HTTP/1.1 200 OK\r\n\r\n\x1b[31mé\u202e", Flow: []string{"a:1", "b \"2\""},
		Fingerprints: map[string]string{"x/v1": "1", "y": "ü"}, Label: "TP", Group: "g", Split: "dev",
	}
}

// fullVerdict has something in every column.
func fullVerdict() Verdict {
	return Verdict{
		ID: "a,b\"c", Verdict: FalsePositive, P: 0.123456789, Reasoning: "=HYPERLINK(\"x\")\nline 2 | @user", Tokens: 3, Seconds: 0.25,
		Trajectory: []float64{0.5, 0.25, 0.125, 0.123456789}, Heads: []HeadVerdict{{Head: "h", P: 0.1, Trajectory: []float64{0.1, 0.2}}},
		Note: "cut", Model: "M", Adapter: "A", Head: "H", Prompt: "P",
	}
}

func TestRows(t *testing.T) {
	for _, want := range []Finding{{}, fullFinding()} {
		got, err := FindingFromRow(FindingRow(&want))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	for _, want := range []Verdict{{}, fullVerdict(), {ID: "x", Error: "too long", Tokens: 2}} {
		got, err := VerdictFromRow(VerdictRow(&want))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

// TestSQLiteSchema holds the schema against the columns, and a row against what a database gives back.
func TestSQLiteSchema(t *testing.T) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // in memory
	db.SetMaxOpenConns(1)
	for range 2 { // the second time changes nothing
		if _, err := db.Exec(SQLiteSchema); err != nil {
			t.Fatal(err)
		}
	}
	for table, want := range map[string][]string{"findings": FindingColumns(), "verdicts": VerdictColumns()} {
		rows, err := db.Query("SELECT * FROM " + table)
		if err != nil {
			t.Fatal(err)
		}
		got, err := rows.Columns()
		if err != nil || rows.Close() != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", table, diff)
		}
	}
}

func TestCoercedCells(t *testing.T) {
	for _, tc := range []struct {
		cell any
		want int
		err  bool
	}{
		{nil, 0, false}, {"", 0, false}, {" 12 ", 12, false}, {[]byte("5"), 5, false}, {3.0, 3, false}, {int64(4), 4, false},
		{"3.0", 3, false}, {"x", 0, true}, {3.5, 0, true}, {"NaN", 0, true}, {int64(-1), 0, true}, {1e300, 0, true},
	} {
		var f Finding
		err := lineColumn.set(&f, tc.cell)
		if f.LineNumber() != tc.want || (err != nil) != tc.err {
			t.Errorf("line of %v: %d, %v", tc.cell, f.LineNumber(), err)
		}
	}
	for _, cell := range []any{"tp", "True", true, int64(1), 1.0, "1", " vulnerable ", []byte("TP"), "True Positive"} {
		var f Finding
		if err := labelColumn.set(&f, cell); err != nil || f.Label != "TP" {
			t.Errorf("label of %v: %q, %v", cell, f.Label, err)
		}
	}
	for _, cell := range []any{"fp", "FALSE", false, int64(0), 0.0, "0", "not vulnerable", "safe"} {
		var f Finding
		if err := labelColumn.set(&f, cell); err != nil || f.Label != "FP" {
			t.Errorf("label of %v: %q, %v", cell, f.Label, err)
		}
	}
	if _, err := FindingFromRow(make([]any, 3)); err == nil {
		t.Error("a row that is too short is taken")
	}
	row := FindingRow(&Finding{})
	row[18] = "{"
	if _, err := FindingFromRow(row); err == nil || err.Error() != `column "flow": broken JSON: unexpected end of JSON input` {
		t.Errorf("broken JSON: %v", err)
	}
}
