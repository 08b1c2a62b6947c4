package finding

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// inputEntry is a real file of testdata and what its reader must find in it.
type inputEntry struct {
	File, Kind string
	Expect     struct {
		Tools               []string
		Results, Suppressed int
		WithoutRegion       int `json:"without_region"`

		Creator          string
		Entries          int
		Base64Bodies     int `json:"base64_bodies"`
		WithResponseText int `json:"with_response_text"`

		AlertItems, Instances, Issues, Requests int
		Findings                                int
		Failed                                  int
	}
}

// inputIndex lists the files of a kind, or all of them.
func inputIndex(t *testing.T, kind string) []inputEntry {
	t.Helper()
	data, err := os.ReadFile("testdata/INDEX.json")
	if err != nil {
		t.Fatal(err)
	}
	var all, out []inputEntry
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if kind == "" || e.Kind == kind {
			out = append(out, e)
		}
	}
	if len(all) != 13 || len(out) == 0 {
		t.Fatalf("%d files in the index, %d of kind %q", len(all), len(out), kind)
	}
	return out
}

// TestInputCounts holds every reader against the counts that came with the real files.
func TestInputCounts(t *testing.T) {
	for _, e := range inputIndex(t, "") {
		report := readFile(t, e.File)
		findings := e.Expect.Results + e.Expect.Instances + e.Expect.Issues + e.Expect.Findings + e.Expect.Failed
		messages := e.Expect.Entries + e.Expect.Requests
		if report.Format != e.Kind || report.Total != findings || report.Suppressed != e.Expect.Suppressed ||
			report.Messages != messages || len(report.Problems) != 0 || len(report.Findings) != findings-e.Expect.Suppressed {
			t.Errorf("%s: %s: %d findings, %d suppressed, %d messages, %d to review, problems %v; want %s: %+v", e.File,
				report.Format, report.Total, report.Suppressed, report.Messages, len(report.Findings), report.Problems, e.Kind, e.Expect)
		}
		for i := range report.Findings {
			f := &report.Findings[i]
			if f.ID == "" || f.Tool == "" || f.Rule == "" || f.Title == "" || f.Level == "" || f.File == "" || f.Category == "" || f.Message == "" {
				t.Errorf("%s: finding %d lacks a field: %+v", e.File, i, f)
			}
		}
	}
}

// everyExchange makes each exchange a candidate, so that a test sees what rules see.
func everyExchange(exchange Finding) []Finding {
	exchange.Tool, exchange.Rule, exchange.Message = "test", "every", "an exchange"
	return []Finding{exchange}
}

// readTraffic reads a file of testdata with everyExchange.
func readTraffic(t *testing.T, name string) *Report {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	report, err := Read(name, strings.NewReader(string(data)), "auto", ReadOptions{Rules: everyExchange})
	if err != nil {
		t.Fatal(err)
	}
	return report
}
