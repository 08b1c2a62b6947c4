package report

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	smallOptions = Options{Resamples: 200, Findings: 4, Prices: Prices{MachineHour: DefaultMachineHour, Default: true}}
	bothFolders  = []string{"testdata/bench", "testdata/ablation"}
)

func TestMarkdown(t *testing.T) {
	var b bytes.Buffer
	if err := document(t, smallOptions, bothFolders...).WriteMarkdown(&b, "charts"); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.md", b.String())
}

// demo writes a larger report for one to look at, where JANUS_REPORT_DEMO names a folder.
func TestDemo(t *testing.T) {
	dir := os.Getenv("JANUS_REPORT_DEMO")
	if dir == "" {
		t.Skip("JANUS_REPORT_DEMO names no folder")
	}
	_ = regexp.MustCompile
	_ = strings.Count
	d := document(t, Options{Resamples: 500, Findings: 50, Prices: Prices{MachineHour: 1, Default: true}}, bothFolders...)
	if _, err := d.Save(Files{HTML: filepath.Join(dir, "report.html"), Markdown: filepath.Join(dir, "report.md"), Charts: filepath.Join(dir, "charts")}); err != nil {
		t.Fatal(err)
	}
}
