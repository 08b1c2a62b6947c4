package ablate_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/januslm/janus/eval/ablate"
	"github.com/januslm/janus/train/run"
)

// load reads and checks a grid, as the command does.
func load(t *testing.T, text string) (*ablate.Grid, ablate.Source, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "grid.yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	var g ablate.Grid
	if err := run.LoadConfig(path, &g); err != nil {
		return nil, ablate.Source{}, err
	}
	lines, err := run.Lines(path)
	if err != nil {
		t.Fatal(err)
	}
	source := ablate.Source{File: path, Lines: lines}
	return &g, source, g.Check(source)
}

func TestDefaultsAreRight(t *testing.T) {
	if _, _, err := load(t, ""); err != nil {
		t.Error(err)
	}
}

func TestRefusedGrids(t *testing.T) {
	for text, want := range map[string]string{
		"hiden: [32]":                         "grid.yaml:1: unknown key hiden, did you mean hidden?",
		"\nhidden: []":                        "grid.yaml:2: hidden: the list is empty",
		"model: []":                           "grid.yaml:1: model: the list is empty",
		"seed: []":                            "grid.yaml:1: seed: the list is empty",
		"hidden: [none,\n  0]":                `grid.yaml:2: hidden[1]: expected widths such as 32 or 64x16, or none, found "0", did you mean none?`,
		"hidden: [64x0]":                      "did you mean 64?",
		"hidden: [64 x 16]":                   "did you mean 64x16?",
		"hidden: [-8]":                        "did you mean 8?",
		"min_tokens: [0, 64]\nmax_tokens: 32": "grid.yaml:1: min_tokens[1]: 64 is above max_tokens[0], 32 (line 2)",
		"min_tokens: -1":                      "min_tokens[0]: expected 0 or more, found -1",
		"max_tokens: [64, 128]\nlength:\n- 8\n- 100": "grid.yaml:4: length[1]: 100 is above max_tokens[0], 64 (line 1)",
		"length: [most]":                             `length[0]: expected a number of tokens from 0 or max, found "most", did you mean max?`,
		"length: [8, 16, 8]":                         "length[2]: 8 is there already, as length[0] (line 1)",
		"length: [128, max]":                         "length[1]: max is there already, as length[0]",
		"hidden: [32, 032]":                          "hidden[1]: 032 is there already, as hidden[0]",
		"seed: [1, 1]":                               "seed[1]: 1 is there already",
		"temperature: [0.5, 0.50]":                   "temperature[1]: 0.5 is there already",
		"approach: lora\ntarget_modules: [a+b, b+a]": "target_modules[1]: b+a is there already",
		"temperature: -1":                            "temperature[0]: expected 0 or more, found -1",
		"prompt: [plain, pee]":                       `grid.yaml:1: prompt[1]: expected one of plain, pe, found "pee", did you mean pe?`,
		"activation: [relo]":                         "did you mean relu?",
		"pooling: mean_generate":                     "did you mean mean_generated?",
		"approach: lorra":                            "did you mean lora?",
		"rank: [0]":                                  "rank[0]: expected 1 or more, found 0",
		"rank: [8, 16]":                              "rank: there are 2 values, and no approach has an adapter",
		"target_modules: [q_proj+]":                  "target_modules[0]: expected names with + between",
		"samples: [1]":                               `samples[0]: expected a number of rows from 2 (one of each label) or all, found "1"`,
		"layer: [first]":                             `layer[0]: expected last or an index from 0, found "first", did you mean last?`,
		"layer: [last, -1]":                          "layer[1]: expected last or an index from 0",
		"epochs: 0":                                  "grid.yaml:1: epochs: expected 1 or more, found 0",
		"test: 1":                                    "test: expected a share between 0 and 1, found 1",
		"threshold: best":                            `grid.yaml:1: threshold: expected max-f1`,
		"class_weights: -1":                          "class_weights: expected",
		"hidden: {a: 1}":                             "hidden: expected a list of text, found keys and values",
		"seed: [" + strings.Repeat("1,", 5) + "x]":   `seed[5]: expected a whole number from 0, found "x"`,
		"top_p: 0":                                   "top_p: expected above 0 to 1",
		"min_tokens: [0, 9]\nmax_tokens: 8\nhidden: [0]": "hidden[0]: expected widths", // all at once
	} {
		_, _, err := load(t, text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
}

// What hangs on the model and the findings is refused before any work, too.
func TestRefusedStudies(t *testing.T) {
	decoder, encoder, data := tiny(t, false), tiny(t, true), findings(t, 30)
	for text, want := range map[string]string{
		"model: nowhere": "grid.yaml:1: model[0]: ",
		"model: [" + decoder + ", " + decoder + "/]":                              "model[1]: " + decoder + "/ is the same model as " + decoder,
		"model: " + decoder + "\nlayer: [last, 0, 9]":                             "grid.yaml:2: layer[2]: model tiny has the layers 0 to 1, found 9, did you mean 1?",
		"model: " + decoder + "\npooling: [cls]":                                  "grid.yaml:2: pooling: model tiny is a decoder, expected mean_generated",
		"model: " + encoder + "\npooling: [mean_all]":                             "grid.yaml:2: pooling: model encoder is an encoder, expected cls, mean or last",
		"model: " + decoder + "\nsamples: [8, 999]":                               "grid.yaml:2: samples[1]: there are ",
		"model: " + decoder + "\nprompts: nowhere":                                "prompt[0]: prompts: expected a folder",
		"model: " + encoder + "\npooling: cls\napproach: lora":                    "grid.yaml:3: approach[0]: model encoder is an encoder",
		"model: " + decoder + "\napproach: lora\ntarget_modules: [q_porj+v_proj]": `grid.yaml:3: target_modules[0]: model tiny has no projection "q_porj", did you mean q_proj?`,
	} {
		g, source, err := load(t, text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		rows, err := ablate.ReadFiles(context.Background(), []string{data})
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		_, err = ablate.New(context.Background(), g, source, rows, dir)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
		if entries, _ := os.ReadDir(dir); len(entries) > 0 {
			t.Errorf("%q: something was written", text)
		}
	}
}

// A grid that is written down for workers is the same grid.
func TestGridAsYAML(t *testing.T) {
	g, _, err := load(t, "name: \"7\"\nhidden: [none, 8, 64x16]\nseed: [0, 18446744073709551615]\ntemperature: [0, 0.7]\nlength: [0, max]\nlearning_rate: 2e-5\nmodel: [a, b]\n")
	if err != nil {
		t.Fatal(err)
	}
	data, err := g.YAML()
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := load(t, string(data))
	if err != nil {
		t.Fatalf("%v in\n%s", err, data)
	}
	second, err := again.YAML()
	if err != nil || string(second) != string(data) {
		t.Errorf("the grid became\n%s\nof\n%s", second, data)
	}
}
