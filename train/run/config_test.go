package run

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

type shared struct {
	Seed uint64 `yaml:"seed" default:"7" doc:"of everything random"`
}

type testConfig struct {
	shared
	Rank     int                `yaml:"lora_rank" default:"16" doc:"rank of A and B"`
	Alpha    float64            `yaml:"lora_alpha" default:"32" doc:"scale of B·A, divided by the rank"`
	Targets  []string           `yaml:"target_modules" default:"q_proj,v_proj" doc:"projections that are adapted"`
	Ranks    map[string]int     `yaml:"rank_pattern" doc:"other ranks"`
	Weights  map[string]float64 `yaml:"class_weights" default:"tp=1,fp=0.5" doc:"of the loss"`
	Schedule string             `yaml:"schedule" default:"cosine" choices:"constant,linear,cosine" doc:"of the learning rate"`
	Optim    struct {
		LR    float64 `yaml:"lr" default:"2e-4" doc:"learning rate"`
		Decay float64 `yaml:"weight_decay" default:"0.01" doc:"decoupled"`
	} `yaml:"optimizer"`
	Hidden []string `yaml:"hidden_layers" default:"32" axis:"true" doc:"widths"`
	Seeds  []uint64 `yaml:"seeds" default:"0" axis:"true" doc:"seeds"`
	Charts bool     `yaml:"charts" resume:"free" doc:"draw curves"`
	Out    string   `yaml:"out" doc:"run folder"`
	hidden int
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "recipe.yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func defaults(t *testing.T) *testConfig {
	t.Helper()
	var c testConfig
	if err := LoadConfig("", &c); err != nil {
		t.Fatal(err)
	}
	return &c
}

func TestLoadConfig(t *testing.T) {
	got := testConfig{Out: "left over", hidden: 3}
	path := writeFile(t, `# a recipe
seed: 18446744073709551615
lora_rank: 8
lora_alpha: 16      # a whole number is a number
target_modules: [q_proj, "k_proj"]
rank_pattern:
  model.layers.0.self_attn.q_proj: 4
optimizer: {lr: 2e-5}
hidden_layers: [none, 8, 64x16]
seeds: 3
charts: true
out: runs/2026-11
`)
	if err := LoadConfig(path, &got); err != nil {
		t.Fatal(err)
	}
	want := testConfig{
		shared: shared{Seed: 1<<64 - 1}, Rank: 8, Alpha: 16, Targets: []string{"q_proj", "k_proj"},
		Ranks: map[string]int{"model.layers.0.self_attn.q_proj": 4}, Weights: map[string]float64{"tp": 1, "fp": 0.5},
		Hidden: []string{"none", "8", "64x16"}, Seeds: []uint64{3},
		Schedule: "cosine", Charts: true, Out: "runs/2026-11", hidden: 3,
	}
	want.Optim.LR, want.Optim.Decay = 2e-5, 0.01
	if d := cmp.Diff(want, got, cmp.AllowUnexported(testConfig{}, shared{})); d != "" {
		t.Error(d)
	}
}

func TestEmptyConfigs(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n"} {
		var c testConfig
		if err := LoadConfig(writeFile(t, text), &c); err != nil || c.Rank != 16 {
			t.Errorf("%q: rank %d, %v", text, c.Rank, err)
		}
	}
}

func TestRefusedConfigs(t *testing.T) {
	for text, want := range map[string]string{
		"lora_rnk: 8":                     "recipe.yaml:1: unknown key lora_rnk, did you mean lora_rank?",
		"\n\noptimizer:\n  lrr: 1":        "recipe.yaml:4: unknown key optimizer.lrr, did you mean optimizer.lr?",
		"lora_rank: eight":                `recipe.yaml:1: lora_rank: expected a whole number, found "eight"`,
		"lora_rank: 8.0":                  `recipe.yaml:1: lora_rank: expected a whole number, found "8.0"`,
		"lora_rank: 99999999999999999999": `lora_rank: expected a whole number, found "99999999999999999999"`,
		"lora_rank: '8'":                  `lora_rank: expected a whole number, found the text "8"; take the quotes away`,
		"lora_rank:":                      "lora_rank: expected a whole number, found nothing",
		"lora_rank: ~":                    "lora_rank: expected a whole number, found nothing",
		"lora_rank: [8]":                  "lora_rank: expected a whole number, found a list",
		"lora_rank: {a: 8}":               "lora_rank: expected a whole number, found keys and values",
		"seed: -1":                        `seed: expected a whole number from 0, found "-1"`,
		"lora_alpha: .nan":                `lora_alpha: expected a number, found ".nan"`,
		"lora_alpha: 1e999":               `lora_alpha: expected a number, found "1e999"`,
		"charts: yes":                     `charts: expected true or false, found "yes"`,
		"charts: 1":                       `charts: expected true or false, found "1"`,
		"out: 7":                          "out: expected text, found 7; put it in quotes if it is meant",
		"schedule: cosin":                 `schedule: expected one of constant, linear, cosine, found "cosin", did you mean cosine?`,
		"seeds: {a: 1}":                   "seeds: expected a list of uint, found keys and values",
		"hidden_layers:":                  "hidden_layers: expected a list of text, found nothing",
		"target_modules: q_proj":          `target_modules: expected a list of text, found "q_proj"`,
		"target_modules:\n- q_proj\n- 3":  "recipe.yaml:3: target_modules[1]: expected text, found 3",
		"rank_pattern: 3":                 `rank_pattern: expected keys and values, found "3"`,
		"rank_pattern:\n  a: 1\n  b: x":   `recipe.yaml:3: rank_pattern.b: expected a whole number, found "x"`,
		"optimizer: 3":                    `optimizer: expected keys and values, found "3"`,
		"- lora_rank":                     "recipe.yaml:1: the config: expected keys and values, found a list",
		"lora_rank: 1\nlora_rank: 2":      "not YAML",
		"lora_rank: [1":                   "not YAML",
		"lora_rank: 1\n---\nlora_rank: 2": "recipe.yaml:3: expected one document",
		"lora_rank: &a 1\nlora_alpha: *a": "an anchor or alias",
		"<<: {lora_rank: 1}":              "expected a key",
		"lora_rank: !!int 3":              "a tag",
		"1: 2":                            `expected a key, found "1"`,
		"hidden: 2":                       "unknown key hidden",
		"lora_rnk: 1\nlora_alpah: 2\nschedule: constant\n": "unknown key lora_alpah, did you mean lora_alpha?",
	} {
		var c testConfig
		err := LoadConfig(writeFile(t, text), &c)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
}

// All that is wrong is said at once.
func TestAllErrors(t *testing.T) {
	var c testConfig
	err := LoadConfig(writeFile(t, "lora_rnk: 1\nlora_alpha: x\n"), &c)
	if err == nil || strings.Count(err.Error(), "recipe.yaml:") != 2 {
		t.Errorf("got %v", err)
	}
}

// Who embeds a struct may give its fields other defaults, and who embeds that one again others.
func TestDefaultsOfEmbeddedStructs(t *testing.T) {
	type most struct {
		Updates `defaults:"epochs=5 learning_rate=2e-5 schedule=linear"`
	}
	var c struct {
		most `defaults:"epochs=6"`
	}
	if err := LoadConfig(writeFile(t, "schedule: constant\n"), &c); err != nil {
		t.Fatal(err)
	}
	if c.Epochs != 6 || c.LearningRate != 2e-5 || c.Schedule != "constant" || c.BatchSize != 4 {
		t.Errorf("got %+v", c)
	}
	if text := Describe(&c); !strings.Contains(text, "epochs: 6 ") {
		t.Errorf("got %s", text)
	}
}

func TestBadStructs(t *testing.T) {
	for want, config := range map[string]any{
		"pointer to a struct": testConfig{},
		"no yaml key":         &struct{ A int }{},
		"no value can be read": &struct { //nolint:govet // on purpose
			A complex128 `yaml:"a"`
		}{},
		"its default": &struct {
			A int `yaml:"a" default:"x"`
		}{},
		"no field has the key sed": &struct {
			shared `defaults:"sed=1"`
		}{},
		"field seed: its default": &struct {
			shared `defaults:"seed=-1"`
		}{},
		"two fields": &struct {
			A int `yaml:"a"`
			B int `yaml:"a"`
		}{},
	} {
		if err := LoadConfig("", config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
		if err := Bind(pflag.NewFlagSet("", pflag.ContinueOnError), config).Load(""); err == nil {
			t.Errorf("%s: Bind and Load accept it", want)
		}
	}
}

func TestFlags(t *testing.T) {
	path := writeFile(t, "lora_rank: 8\nlora_alpha: 1\ncharts: true\ntarget_modules: [up_proj]\n")
	var c testConfig
	set := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags := Bind(set, &c)
	args := []string{"--lora-alpha=5e-1", "--optimizer-lr", "3e-4", "--charts=false", "--target-modules=a,b", "--target-modules", "c",
		"--rank-pattern", "x=1", "--rank-pattern=y=z=2", "--schedule=linear"}
	if err := set.Parse(args); err != nil {
		t.Fatal(err)
	}
	if err := flags.Load(path); err != nil {
		t.Fatal(err)
	}
	want := *defaults(t)
	want.Rank, want.Alpha, want.Optim.LR, want.Schedule = 8, 0.5, 3e-4, "linear"
	want.Targets, want.Ranks = []string{"a", "b", "c"}, map[string]int{"x": 1, "y=z": 2}
	if d := cmp.Diff(want, c, cmp.AllowUnexported(testConfig{}, shared{})); d != "" {
		t.Error(d)
	}
	if usage := set.FlagUsages(); !strings.Contains(usage, "--lora-rank int") || !strings.Contains(usage, "(default 16)") ||
		!strings.Contains(usage, "of the learning rate: constant, linear, cosine") {
		t.Errorf("usage:\n%s", usage)
	}
}

func TestRefusedFlags(t *testing.T) {
	for arg, want := range map[string]string{
		"--lora-rank=x":      `expected a whole number, found "x"`,
		"--schedule=x":       "expected one of constant, linear, cosine",
		"--rank-pattern=x":   "expected name=value",
		"--charts=perhaps":   "expected true or false",
		"--optimizer-lr=inf": "expected a number",
	} {
		var c testConfig
		set := pflag.NewFlagSet("", pflag.ContinueOnError)
		Bind(set, &c)
		if err := set.Parse([]string{arg}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", arg, err, want)
		}
	}
}

// What Describe writes is a config with every key, which says the defaults.
func TestDescribe(t *testing.T) {
	text := Describe(&testConfig{})
	for _, want := range []string{"lora_rank: 16 ", "# int: rank of A and B\n", "\noptimizer:\n  lr: 2e-4 ", "# constant, linear, cosine: of the learning rate\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in:\n%s", want, text)
		}
	}
	var c testConfig
	if err := LoadConfig(writeFile(t, text), &c); err != nil {
		t.Fatal(err)
	}
	if changed := diff(defaults(t), &c, nil); len(changed) > 0 {
		t.Errorf("read back, it differs: %v", changed)
	}
}

func TestDiff(t *testing.T) {
	a, b := defaults(t), defaults(t)
	b.Rank, b.Optim.LR, b.Targets, b.Ranks = 8, 5e-5, nil, map[string]int{}
	want := []string{"lora_rank: 16 before, 8 now", "optimizer.lr: 0.0002 before, 0.00005 now", `target_modules: ["q_proj","v_proj"] before, [] now`}
	if d := cmp.Diff(want, diff(a, b, nil)); d != "" {
		t.Error(d)
	}
	raw, err := marshalConfig(a)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, diff(raw, b, nil)); d != "" {
		t.Errorf("against run.json: %s", d)
	}
	if got := diff(a, a, nil); got != nil {
		t.Errorf("of equal ones: %v", got)
	}
}

// No file makes the reader panic.
func FuzzReadConfig(f *testing.F) {
	for _, text := range []string{"", "lora_rank: 8\n", "optimizer: {lr: 2e-5}\n", "target_modules:\n- a\n", "rank_pattern:\n  a: 1\n", "a: &x [*x]\n", "? a\n: b\n", "out: |\n  x\n", "- 1\n---\n..."} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var c testConfig
		all := must(fields(&c))(t)
		_ = readConfig("a.yaml", data, all) // an error is well
	})
}
