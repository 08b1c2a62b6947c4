package finding

import (
	"bytes"
	"io"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
)

// fuzzTable reads a document of a format, and holds what was read against what
// comes back when it is written and read once more.
func fuzzTable(t *testing.T, format string, doc []byte) {
	report, err := Read("in", bytes.NewReader(doc), format, fuzzLimit)
	if err != nil {
		return
	}
	for i := range report.Findings {
		if f := &report.Findings[i]; f.ID == "" || !f.reviewable() || f.Line != nil && *f.Line < 0 {
			t.Fatalf("finding %d: %+v", i, f)
		}
	}
	if n := len(report.Findings) + report.Passed; n > report.Total {
		t.Fatalf("%d findings of %d rows", n, report.Total)
	}
	if len(report.Findings) > 50 {
		report.Findings = report.Findings[:50] // writing is not what is measured
	}
	var out bytes.Buffer
	if err := WriteCSV(&out, []Reviewed{{Report: report}}); err != nil {
		t.Fatal(err)
	}
	again, err := Read("again", bytes.NewReader(out.Bytes()), "csv", ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(report.Findings, again.Findings, ignoreOrigin); diff != "" {
		t.Fatal(diff)
	}
	for _, write := range []func() error{
		func() error { return WriteMarkdown(&out, []Reviewed{{Report: report}}) },
		func() error { return WriteHTML(&out, []Reviewed{{Report: report}}) },
		func() error {
			return WriteIaC(&out, []Reviewed{{Report: report}}, func(f *Finding) string { return f.Title })
		},
		func() error { return WriteSARIF(&out, []Reviewed{{Report: report}}, SARIFOptions{GitHub: true}) },
	} {
		if err := write(); err != nil {
			t.Fatal(err)
		}
	}
}

// seedTable adds real findings, and some of each kind of verdict, as the format has them.
func seedTable(f *testing.F, write func(io.Writer, []Reviewed) error) {
	f.Helper()
	rows, err := os.ReadFile("testdata/castle_c.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	real, err := Read("castle_c.jsonl", bytes.NewReader(rows), "jsonl", ReadOptions{})
	if err != nil {
		f.Fatal(err)
	}
	real.Findings = real.Findings[:2] // small seeds change more often
	for _, r := range []Reviewed{{Report: real}, someReviewed()} {
		var out bytes.Buffer
		if err := write(&out, []Reviewed{r}); err != nil {
			f.Fatal(err)
		}
		f.Add(out.Bytes())
	}
}

func FuzzCSV(f *testing.F) {
	seedTable(f, WriteCSV)
	f.Add([]byte("id;scanner;rule_id;path;line_number;description;is_vulnerable\n1;T;R;a/b.py;7;\"m\r\n\"\"\";1\n2;;;;;\"open\n3;;;;;m;\n"))
	f.Add([]byte("\xef\xbb\xbfmessage\tlabel\r\n'=1\t\x00\r\n"))
	f.Fuzz(func(t *testing.T, doc []byte) { fuzzTable(t, "csv", doc) })
}

func FuzzGLITCH(f *testing.F) {
	f.Add([]byte("site/a.rb,3,sec_https,source 'http://x, y'\nsite/b, c.pp,10,sec_hard_pass,$pw = 'p',\n  and more\n+---\n"))
	f.Add([]byte("Suspicious comment - words, CWE-546),a/b.pp,7,sec_susp_comm,# TODO\n"))
	f.Add([]byte("PATH,LINE,ERROR\na.rb,5,hardcoded-secret\nb.rb,0,none\n"))
	f.Fuzz(func(t *testing.T, doc []byte) { fuzzTable(t, "glitch", doc) })
}

func FuzzIaC(f *testing.F) {
	f.Add([]byte(iacLine + "\n{\"smell\":1}\n" + oneRow))
	f.Add([]byte(`{"smell":"x","content":"c","line":-3,"detection_span":null,"confidence":1e308}`))
	f.Fuzz(func(t *testing.T, doc []byte) { fuzzTable(t, "jsonl", doc) })
}

func FuzzParquet(f *testing.F) {
	seedTable(f, WriteParquet)
	f.Add(smallParquet(f, "m", parquet.Compression(&parquet.Snappy)))
	f.Add(smallParquet(f, "m", parquet.Compression(&parquet.Gzip), parquet.DataPageVersion(2)))
	f.Fuzz(func(t *testing.T, doc []byte) { fuzzTable(t, "parquet", doc) })
}

func FuzzSQLite(f *testing.F) {
	seedTable(f, WriteSQLite)
	f.Add(database(f, SQLiteSchema, `PRAGMA page_size = 512; VACUUM`, `INSERT INTO findings (id, message, line) VALUES ('a', 'm', 3), ('b', 'n', NULL)`))
	f.Add(database(f, `PRAGMA page_size = 512; VACUUM`, `CREATE TABLE training_data (id, request, response, analysis, is_vulnerable, vuln_category)`,
		`INSERT INTO training_data VALUES (1, 'GET / HTTP/1.1', 'HTTP/1.1 200 OK', 'a', 1, 'XSS')`))
	f.Fuzz(func(t *testing.T, doc []byte) { fuzzTable(t, "sqlite", doc) })
}
