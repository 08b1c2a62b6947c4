package heads

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/eval/metrics"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/train/run"
)

func defaults(t *testing.T) *Config {
	t.Helper()
	var c Config
	if err := run.LoadConfig("", &c); err != nil {
		t.Fatal(err)
	}
	return &c
}

func TestDefaultsAreRight(t *testing.T) {
	c := defaults(t)
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	specs, err := c.specs(576, "", 10, 30)
	if err != nil || len(specs) != 1 || specs[0].Name != "32-mean_generated-last-t128-s0" || specs[0].Config.MaxTokens != 128 {
		t.Errorf("specs are %+v, %v", specs, err)
	}
}

func TestSpecsAreAllCombinations(t *testing.T) {
	c := defaults(t)
	c.Hidden, c.Pooling, c.Layer = []string{"none", "8", "64x16"}, []string{"last", "max"}, []string{"last", "3"}
	c.Lengths, c.Seeds, c.ClassWeights = []int{0, 64, 128}, []uint64{1, 2}, "balanced"
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	specs, err := c.specs(576, "", 10, 30)
	if err != nil {
		t.Fatal(err)
	}
	if len(specs) != 3*2*2*3*2 {
		t.Errorf("%d heads, expected 72", len(specs))
	}
	inputs, err := c.inputs()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range specs {
		in := inputs[s.Input]
		if in.Feature != s.Config.Feature() || in.Length != s.Config.MaxTokens {
			t.Errorf("head %s reads %+v", s.Name, in)
		}
		if s.PosWeight != 2 || s.NegWeight != 2.0/3 { // 40/(2·10), 40/(2·30)
			t.Errorf("class weights are %v and %v", s.PosWeight, s.NegWeight)
		}
	}
	features, err := c.Features()
	if err != nil || len(features) != 4 {
		t.Errorf("%d features, %v", len(features), err)
	}
}

func TestCheckRefuses(t *testing.T) {
	for want, change := range map[string]func(c *Config){
		"hidden is empty":         func(c *Config) { c.Hidden = nil },
		"hidden: expected widths": func(c *Config) { c.Hidden = []string{"8x0"} },
		"seeds is empty":          func(c *Config) { c.Seeds = nil },
		"head 32-mean_generated-last-t128-s1 is asked for twice": func(c *Config) { c.Seeds = []uint64{1, 1} },
		"lengths: expected 0 to max_tokens":                      func(c *Config) { c.Lengths = []int{129} },
		"layer: expected \"last\" or an index":                   func(c *Config) { c.Layer = []string{"-1"} },
		"pooling is \"middle\"":                                  func(c *Config) { c.Pooling = []string{"middle"} },
		"dev: expected between 0 and 1":                          func(c *Config) { c.Dev = 1 },
		"class_weights: expected":                                func(c *Config) { c.ClassWeights = "-2" },
		"threshold: expected":                                    func(c *Config) { c.Threshold = "recall:0" },
		"learning rate is 0":                                     func(c *Config) { c.LearningRate = 0 },
		"epochs is 0":                                            func(c *Config) { c.Epochs = 0 },
		"max_prompt is 0":                                        func(c *Config) { c.MaxPrompt = 0 },
		"dropout is 1":                                           func(c *Config) { c.Dropout = 1 },
		"embedder is given, and features are states":             func(c *Config) { c.Embedder = "minilm" },
		"pooling and layer are of states":                        func(c *Config) { c.Reads, c.Pooling = "embeddings", []string{"max"} },
		"label smoothing is -1":                                  func(c *Config) { c.Smoothing = -1 },
		"temperature: expected":                                  func(c *Config) { c.Temperature = -1 },
	} {
		c := defaults(t)
		change(c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, expected one with %q", err, want)
		}
	}
}

func TestThresholdRules(t *testing.T) {
	s, err := metrics.NewScores([]bool{true, true, false, true, false}, []float64{0.9, 0.8, 0.7, 0.4, 0.2})
	if err != nil {
		t.Fatal(err)
	}
	for rule, want := range map[string]float64{"0.25": 0.25, "recall:0.6": 0.75, "recall:1": 0.3, "max-f1": 0.3} {
		got, err := threshold(rule, s)
		if err != nil || got < want-1e-9 || got > want+1e-9 {
			t.Errorf("%s: %v, %v, expected %v", rule, got, err, want)
		}
	}
}

func rows(n int, split func(i int) string) (list []finding.Finding) {
	words := strings.Fields("alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu")
	for i := range n {
		w := words[i%len(words)]
		list = append(list, finding.Finding{
			ID: fmt.Sprint(i), File: w + ".go", Snippet: strings.Repeat(w+" ", 5) + fmt.Sprint(i), Label: []string{"TP", "0"}[i%2], Split: split(i),
		})
	}
	return list
}

func TestNewRows(t *testing.T) {
	none := func(int) string { return "" }
	list := rows(40, none)
	list[3].Label = ""
	list[5].Split = dataset.Test
	r, err := NewRows(list, nil, 0.25, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Findings) != 38 || r.Unlabelled != 1 || r.Test != 1 || r.Own {
		t.Errorf("rows: %s", r)
	}
	side := map[string]bool{}
	for i, f := range r.Findings {
		if dev, known := side[f.File]; known && dev != r.Dev[i] {
			t.Errorf("file %s is on both sides", f.File)
		}
		side[f.File] = r.Dev[i]
	}
	if n := count(r.Dev); n < 5 || n > 15 {
		t.Errorf("%d of 38 rows are dev rows, expected about a quarter", n)
	}

	own, err := NewRows(rows(40, func(i int) string { return []string{"train", "dev", "train"}[i%3] }), nil, 0.25, 1)
	if err != nil {
		t.Fatal(err)
	}
	if !own.Own || count(own.Dev) != 13 || !strings.Contains(own.String(), "by their own split") {
		t.Errorf("own split: %s", own)
	}

	valid, err := NewRows(rows(40, func(i int) string { return []string{"training", "Validation", "TEST"}[i%3] }), nil, 0.25, 1)
	if err != nil || !valid.Own || count(valid.Dev) != 13 || valid.Test == 0 {
		t.Errorf("a split in other words: %v, %v", valid, err)
	}
	odd := rows(40, func(i int) string { return []string{"train", "dev", "dve"}[i%3] })
	if _, err := NewRows(odd, nil, 0.25, 1); err == nil || !strings.Contains(err.Error(), `split: expected train, dev or test, found "dve"`) {
		t.Errorf("an unknown split: %v", err)
	}

	list[7].Label = "perhaps"
	list[7].Origin = finding.Origin{Input: "x.jsonl", Line: 8}
	if _, err := NewRows(list, nil, 0.25, 1); err == nil || !strings.Contains(err.Error(), `x.jsonl: finding "7" in line 8: label: expected TP or FP`) {
		t.Errorf("a wrong label: %v", err)
	}
	if _, err := NewRows(nil, nil, 0.25, 1); err == nil || !strings.Contains(err.Error(), "no labelled finding") {
		t.Errorf("no rows: %v", err)
	}
}

// What a finding is called cannot break the table, nor a terminal.
func TestTableIsClean(t *testing.T) {
	r := &Result{Heads: []Trained{{Name: "h"}}, Failed: []string{"finding \"a\x1b[31m\n| evil |\": too long"}}
	if table := r.Table(); strings.ContainsAny(table, "\x1b") || strings.Contains(table, "\n| evil") {
		t.Errorf("table: %q", table)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
}

// Pairs of rows of training data stay together where they come from a file, as they do from a data base.
func TestReadKeepsPairs(t *testing.T) {
	var b strings.Builder
	for i := range 40 {
		fmt.Fprintf(&b, `{"vuln_category":"XSS","request":"GET /%d HTTP/1.1","response":"HTTP/1.1 200 OK\r\n\r\n%s","is_vulnerable":%t,"pair_id":"p%d"}`+"\n",
			i*i, strings.Repeat(fmt.Sprintf("%x ", 7919*i+13), 5), i%2 == 0, i/2)
	}
	path := filepath.Join(t.TempDir(), "rows.jsonl")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	findings, items, problems, err := Read(context.Background(), []string{path})
	if err != nil || len(problems) > 0 || len(findings) != 40 {
		t.Fatal(len(findings), problems, err)
	}
	r, err := NewRows(findings, items, 0.3, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < 40; i += 2 {
		if r.Dev[i] != r.Dev[i+1] {
			t.Errorf("pair %d is on both sides", i/2)
		}
	}
}
