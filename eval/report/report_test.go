package report

import (
	"bytes"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/januslm/janus/eval/results"
)

var (
	smallOptions = Options{Resamples: 200, Findings: 4, Prices: Prices{MachineHour: DefaultMachineHour, Default: true}}
	bothFolders  = []string{"testdata/bench", "testdata/ablation"}
)

func pageOf(t *testing.T, o Options, dirs ...string) string {
	t.Helper()
	if dirs == nil {
		dirs = bothFolders
	}
	var b bytes.Buffer
	if err := document(t, o, dirs...).WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func markdownOf(t *testing.T, o Options, dirs ...string) string {
	t.Helper()
	var b bytes.Buffer
	if err := document(t, o, dirs...).WriteMarkdown(&b, "charts"); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// brightness is the mean of a picture's points, 0 black and 1 white.
func brightness(t *testing.T, path string) float64 {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	sum, n := 0.0, 0.0
	bounds := picture.Bounds()
	for y := bounds.Min.Y; y < bounds.Max.Y; y += 3 {
		for x := bounds.Min.X; x < bounds.Max.X; x += 3 {
			r, g, b, _ := picture.At(x, y).RGBA()
			sum += float64(r+g+b) / (3 * 0xffff)
			n++
		}
	}
	return sum / n
}

func TestMarkdown(t *testing.T) {
	got := markdownOf(t, smallOptions, bothFolders...)
	golden(t, "report.md", got)
	// Every row of a table has as many cells as its head, whatever its texts hold.
	cells := 0
	for line := range strings.Lines(got) {
		if !strings.HasPrefix(line, "|") {
			cells = 0
			continue
		}
		n := len(regexp.MustCompile(`(^|[^\\])\|`).FindAllString(strings.ReplaceAll(line, `\\`, ""), -1))
		if cells != 0 && n != cells {
			t.Errorf("%d cells, want %d: %s", n, cells, line)
		}
		cells = n
	}
	if strings.ContainsAny(got, "\x1b\x00\u202e") {
		t.Error("a control character is in the Markdown")
	}
	if m := regexp.MustCompile(`[^\\]<(script|img)`).FindString(got); m != "" {
		t.Errorf("an element of a finding: %q", m)
	}
}

// Texts of findings and models make no element, and the page loads nothing.
func TestHostile(t *testing.T) {
	got := pageOf(t, smallOptions)
	scripts := 0
	for _, tag := range regexp.MustCompile(`<[a-zA-Z!][^>]*>`).FindAllString(got, -1) {
		name := strings.ToLower(strings.FieldsFunc(tag, func(r rune) bool { return strings.ContainsRune("<> /", r) })[0])
		switch name {
		case "script":
			scripts++
		case "img", "iframe", "link", "object", "embed", "base", "foreignobject", "use", "image":
			t.Errorf("an element of a finding: %s", tag)
		}
		if regexp.MustCompile(`(?i)\s(on\w+|src|style|xlink:href)\s*=`).MatchString(tag) || name != "a" && regexp.MustCompile(`\shref=`).MatchString(tag) {
			t.Errorf("an attribute of a finding: %s", tag)
		}
	}
	if scripts != 1 {
		t.Errorf("%d scripts, want the page's own", scripts)
	}
	if strings.ContainsAny(got, "\x1b\x00\u202e") {
		t.Error("a control character is in the page")
	}
	if strings.Contains(strings.ReplaceAll(got, reportJS, ""), "NaN") || strings.Contains(got, "+Inf") {
		t.Error("a figure that is none is in the page")
	}
}

// Two runs of a study differ in times, and without them in nothing.
func TestNoTimes(t *testing.T) {
	bench, cases, err := results.ReadBench("testdata/bench")
	if err != nil {
		t.Fatal(err)
	}
	bench.Created = "2027-01-01T00:00:00Z"
	for i := range bench.Variants {
		bench.Variants[i].TrainSeconds *= 3
		bench.Variants[i].PeakBytes += 4096
	}
	for i := range cases {
		cases[i].Seconds *= 2
	}
	for _, steps := range bench.Curves {
		for i := range steps {
			steps[i].Values["memory/resident_bytes"] += 5
		}
	}
	other := filepath.Join(t.TempDir(), "bench")
	if err := results.WriteBench(other, bench, cases); err != nil {
		t.Fatal(err)
	}
	ablation, points, err := results.ReadAblation("testdata/ablation")
	if err != nil {
		t.Fatal(err)
	}
	ablation.Created, ablation.Times["forward"] = "x", 99
	for i := range points {
		points[i].Seconds += 7
	}
	grid := filepath.Join(t.TempDir(), "ablation")
	if err := results.WriteAblation(grid, ablation, points); err != nil {
		t.Fatal(err)
	}
	o := smallOptions
	if markdownOf(t, o, bothFolders...) == markdownOf(t, o, other, grid) {
		t.Error("the report has no times to leave out")
	}
	o.NoTimes = true
	if diff := cmp.Diff(strings.Split(markdownOf(t, o, bothFolders...), "\n"), strings.Split(markdownOf(t, o, other, grid), "\n")); diff != "" {
		t.Errorf("two runs differ:\n%s", diff)
	}
	if pageOf(t, o) != pageOf(t, o, other, grid) {
		t.Error("the pages of two runs differ")
	}
}

// The figures of the tables are those that one counts by hand.
func TestFigures(t *testing.T) {
	dir := t.TempDir()
	var cases []results.Case
	add := func(variant, id, truth, verdict string, p float64, failure string) {
		cases = append(cases, results.Case{Variant: variant, ID: id, Source: "s", Truth: truth, Verdict: verdict, P: p, Threshold: 0.5, Error: failure})
	}
	for i, truth := range []string{"TP", "TP", "TP", "FP", "FP", "FP", "FP", "FP"} {
		id := string(rune('a' + i))
		add("all", id, truth, "TP", 1, "")
		switch i {
		case 0:
			add("some", id, truth, "", math.NaN(), "no answer")
		case 1, 3:
			add("some", id, truth, "TP", 0.9, "")
		default:
			add("some", id, truth, "FP", 0.1, "")
		}
	}
	if err := results.WriteBench(dir, &results.Bench{Name: "b", Variants: []results.Variant{{Name: "all"}, {Name: "some"}, {Name: "none"}}}, cases); err != nil {
		t.Fatal(err)
	}
	got := markdownOf(t, Options{Resamples: 50, Prices: Prices{MachineHour: 1}}, dir)
	for _, want := range []string{
		"| all | 8 | 0 | 3 | 5 | 0 | 0 | 0.375 ",         // cases, failed, TP, FP, TN, FN, precision
		"| some | 7 | 1 | 1 | 1 | 4 | 1 | 0.500 ",        // the failed case is counted in nothing else
		"| none | 0 | 0 | 0 | 0 | 0 | 0 | – | – | – | –", // no cases, no figures
		"| some | no answer | 1 |",
		"| all | some | 7 | 1 | 4 | −0.429 (−", // McNemar: b has all right and some too
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing", want)
		}
	}
}

// Of too few groups an ablation's intervals are not shown.
func TestFewGroups(t *testing.T) {
	a, points, err := results.ReadAblation("testdata/ablation")
	if err != nil {
		t.Fatal(err)
	}
	if got := markdownOf(t, smallOptions, "testdata/ablation"); !strings.Contains(got, "0.640 (0.580 to 0.690)") || strings.Contains(got, "fewer than 5 groups") {
		t.Error("the intervals are not shown")
	}
	for i := range a.Rows {
		a.Rows[i].Group = "one"
	}
	dir := t.TempDir()
	if err := results.WriteAblation(dir, a, points); err != nil {
		t.Fatal(err)
	}
	if got := markdownOf(t, smallOptions, dir); strings.Contains(got, " to 0.690") || !strings.Contains(got, "fewer than 5 groups") {
		t.Error("the intervals of one group are shown")
	}
}

func TestWilson(t *testing.T) {
	// 8 of 10: 0.4902 to 0.9433 (Newcombe, Statistics in Medicine 17, 1998, by the formula).
	if low, high := wilson(0.8, 10); math.Abs(low-0.4902) > 1e-4 || math.Abs(high-0.9433) > 1e-4 {
		t.Errorf("%v to %v", low, high)
	}
	if low, high := wilson(0, 5); low != 0 || high < 0.43 || high > 0.44 {
		t.Errorf("%v to %v", low, high)
	}
}

// A level probability keeps its verdict and the order.
func TestLevel(t *testing.T) {
	for _, threshold := range []float64{0, 0.1, 0.5, 0.9, 1} {
		before := -1.0
		for p := 0.0; p <= 1; p += 1.0 / 64 {
			got := level(p, threshold, p >= threshold)
			if (got >= 0.5) != (p >= threshold) || got < before || got > 1 {
				t.Errorf("level(%v, %v) = %v after %v", p, threshold, got, before)
			}
			before = got
		}
	}
}

func TestBreakEven(t *testing.T) {
	for _, tc := range []struct {
		got  Cell
		want string
	}{
		{inTotal(10, 0.02), "500"}, {inTotal(10, -0.1), "never"}, {inTotal(0, 0.1), "0"}, {inTotal(1, 0), "never"}, {inTotal(1, math.NaN()), "–"},
		{aMonth(730, 0.001, 1e6), "730,000"}, {aMonth(730, 0.001, 7e5), "never"}, {aMonth(730, 0, 1e6), "never"}, {aMonth(0, 0.1, 5), "0"},
	} {
		if tc.got.Text != tc.want {
			t.Errorf("got %q, want %q", tc.got.Text, tc.want)
		}
	}
}

func TestParsePrice(t *testing.T) {
	p, err := ParsePrice("api:a=b=0.5/1.5")
	if err != nil || p != (APIPrice{"api:a=b", 0.5, 1.5}) {
		t.Errorf("%v %v", p, err)
	}
	for _, bad := range []string{"", "a", "=1/2", "a=1", "a=1/x", "a=NaN/1", "a=1/Inf", "a=-1/0"} {
		if _, err := ParsePrice(bad); err == nil {
			t.Errorf("%q is a price", bad)
		}
	}
}

func TestCells(t *testing.T) {
	for _, tc := range []struct{ got, want string }{
		{number(-0.0001, 3).Text, "0.000"}, {number(-0.25, 2).Text, "−0.25"}, {number(math.NaN(), 3).Text, "–"},
		{duration(0.0123).Text, "12.3 ms"}, {duration(75).Text, "75 s"}, {duration(812).Text, "13.5 min"}, {duration(7200).Text, "2.0 h"},
		{size(538_060_032).Text, "513 MiB"}, {count(134_515_008).Text, "135 M"}, {dollars(0.000123).Text, "0.000123"}, {dollars(12345.6).Text, "12,346"},
		{slug("A b/ć |x| "), "a-b-x"},
	} {
		if tc.got != tc.want {
			t.Errorf("got %q, want %q", tc.got, tc.want)
		}
	}
}

// A broken folder is told with its name, and nothing is written.
func TestReadErrors(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, results.BenchFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read([]string{dir}); err == nil || !strings.Contains(err.Error(), results.BenchFile) {
		t.Errorf("error is %v", err)
	}
	if _, err := (&Study{}).Document(Options{}); err == nil {
		t.Error("a report of nothing")
	}
}

// TestSave writes all files, and charts whose PNG can be read.
func TestSave(t *testing.T) {
	dir := t.TempDir()
	f := Files{HTML: filepath.Join(dir, "r.html"), Markdown: filepath.Join(dir, "docs", "r.md"), Charts: filepath.Join(dir, "charts")}
	if err := os.Mkdir(filepath.Dir(f.Markdown), 0o755); err != nil {
		t.Fatal(err)
	}
	o := smallOptions
	o.Findings = 1
	charts, err := document(t, o, "testdata/ablation").Save(f)
	if err != nil {
		t.Fatal(err)
	}
	svgs, err := filepath.Glob(filepath.Join(f.Charts, "*.svg"))
	if err != nil || charts != len(svgs) || charts != 5 {
		t.Errorf("%d charts, %v, %v", charts, svgs, err)
	}
	if b := brightness(t, strings.TrimSuffix(svgs[0], ".svg")+".png"); b < 0.7 || b > 0.999 {
		t.Errorf("brightness of a chart is %v", b)
	}
	markdown, err := os.ReadFile(f.Markdown)
	if err != nil || !strings.Contains(string(markdown), "](<../charts/"+filepath.Base(svgs[0])+">)") {
		t.Errorf("the Markdown does not show %s: %v", svgs[0], err)
	}
}
