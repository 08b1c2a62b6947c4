package finding

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// seedFiles adds the real files of testdata that match a pattern, of the large ones
// the beginning, and of JSON lines the first: the fuzzer minimizes what it finds,
// which takes minutes for a large file. The other tests read them whole.
func seedFiles(f *testing.F, pattern string) {
	f.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		f.Fatalf("no seeds match %s: %v", pattern, err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		const most = 8 << 10
		if strings.HasSuffix(name, ".jsonl") {
			data = data[:1+bytes.LastIndexByte(data[:min(most, len(data))], '\n')]
		}
		f.Add(data[:min(most, len(data))])
	}
}

// fuzzLimit keeps a fuzzed gzip bomb from being what is measured.
var fuzzLimit = ReadOptions{MaxBytes: 1 << 20}

// checkReport is what holds of every report, of whatever bytes.
func checkReport(t *testing.T, report *Report) {
	t.Helper()
	skipped := report.Suppressed + report.Absent + report.Passed
	if report.Format == "checkov-json" {
		skipped = 0 // its suppressed checks are not among the failed
	}
	if claims := report.Format != "http"; claims && len(report.Findings)+skipped > report.Total {
		t.Fatalf("%d findings and %d skipped of %d", len(report.Findings), skipped, report.Total)
	}
	ids := map[string]bool{}
	for i := range report.Findings {
		f := &report.Findings[i]
		if f.ID == "" || !f.reviewable() || f.Line != nil && *f.Line < 0 {
			t.Fatalf("finding %d: %+v", i, f)
		}
		if report.Format != "jsonl" && ids[f.ID] { // a data set's ids are its own
			t.Fatalf("two findings have the id %s", f.ID)
		}
		ids[f.ID] = true
		if strings.ContainsFunc(Clean(f.Location()+f.Title), func(r rune) bool { return r < 0x20 || r == 0x7f }) {
			t.Fatalf("finding %d: a control character is shown", i)
		}
	}
	// With verdicts, what is written can be read again, and every false alarm is suppressed.
	verdicts := make([]Verdict, len(report.Findings))
	for i := range verdicts {
		verdicts[i] = Verdict{Verdict: FalsePositive, P: 0.1, Reasoning: "r"}
	}
	var out, table bytes.Buffer
	if err := WriteTable(&table, []Reviewed{{report, verdicts}}, TableOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := WriteSARIF(&out, []Reviewed{{report, verdicts}}, SARIFOptions{}); err != nil {
		t.Fatal(err)
	}
	again, err := Read("again", bytes.NewReader(out.Bytes()), "sarif", ReadOptions{})
	if err != nil {
		t.Fatalf("%v\n%s", err, out.Bytes())
	}
	if len(again.Findings) != 0 || report.Format == "sarif" && (again.Total != report.Total || again.Suppressed != report.Suppressed+len(report.Findings)) {
		t.Fatalf("read again: %d findings, %d suppressed of %d", len(again.Findings), again.Suppressed, again.Total)
	}
}

func FuzzSARIF(f *testing.F) {
	seedFiles(f, "testdata/*.sarif")
	f.Add([]byte(emptyLog))
	f.Add([]byte(oneResult(`{"message":{"text":"m"},"properties":null,"suppressions":[{"status":"rejected"}],"locations":[{"physicalLocation":{"artifactLocation":{"uri":"file:///a%2f..%2fb"}}}]}`, `"rules":[{"id":"A"}]`, `"originalUriBaseIds":{"A":{"uri":"x/","uriBaseId":"A"}}`)))
	f.Fuzz(func(t *testing.T, doc []byte) {
		report, err := Read("in", bytes.NewReader(doc), "sarif", fuzzLimit)
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := WriteSARIF(&out, []Reviewed{{Report: report}}, SARIFOptions{}); err != nil {
			t.Fatal(err)
		}
		// Read decodes gzip and byte order marks, so compare with what it read.
		if diff := cmp.Diff(decode(report.sarif.root), decode(mustParse(t, out.Bytes()))); diff != "" {
			t.Fatal(diff)
		}
		checkReport(t, report)
	})
}

func mustParse(t *testing.T, doc []byte) rawValue {
	t.Helper()
	v, err := parseRaw(doc)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func FuzzHTTP(f *testing.F) {
	seedFiles(f, "../examples/http/*.http")
	for _, seed := range []string{"GET / HTTP/1.1\r\n\r\n<<<<>>>>\nHTTP/1.1 200 OK\n\nbody", "POST /x\nContent-Length: 3\n\nabc\nHTTP/2 204", "HTTP/1.1 200\n<<<<>>>>\n\n<<<<>>>>x"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		report, err := Read("in", bytes.NewReader(doc), "http", fuzzLimit)
		if err != nil {
			return
		}
		checkReport(t, report)
		for _, finding := range report.Findings {
			if finding.Request != "" && !requestLine.MatchString(firstTextLine(finding.Request)) ||
				finding.Response != "" && !statusLine.MatchString(firstTextLine(finding.Response)) {
				t.Fatalf("request %q, response %q", finding.Request, finding.Response)
			}
		}
	})
}

func FuzzJSONL(f *testing.F) {
	seedFiles(f, "testdata/*.jsonl")
	f.Add([]byte(oneRow + "\n{\n\n" + oneRow))
	f.Add(gzipped(f, []byte(oneRow)))
	f.Fuzz(func(t *testing.T, doc []byte) {
		report, err := Read("in", bytes.NewReader(doc), "jsonl", fuzzLimit)
		if err != nil {
			return
		}
		checkReport(t, report)
		for _, problem := range report.Problems {
			if !strings.HasPrefix(problem.Error(), "in:") {
				t.Fatalf("a problem without a line: %v", problem)
			}
		}
	})
}

func FuzzDetect(f *testing.F) {
	seedFiles(f, "testdata/*.sarif")
	seedFiles(f, "testdata/*.jsonl")
	f.Fuzz(func(t *testing.T, doc []byte) {
		format := Detect(doc)
		report, err := Read("in", bytes.NewReader(doc), "auto", fuzzLimit)
		if err == nil && format != "" && report.Format != format {
			t.Fatalf("detected as %s, read as %s", format, report.Format)
		}
	})
}

func FuzzRawValue(f *testing.F) {
	for _, seed := range rawSeeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		if len(doc) < 1<<16 {
			checkRaw(t, doc)
		}
	})
}
