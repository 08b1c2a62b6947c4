package base

import (
	"cmp"
	"context"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"

	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/internal/testmodel"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/tokenizer"
	"github.com/januslm/janus/train"
	"github.com/januslm/janus/train/full"
	"github.com/januslm/janus/train/run"
)

// textFile is a part of this project's documentation, 9 kB.
var textFile = filepath.Join("..", "..", "tokenizer", "testdata", "bpe", "text.txt")

// settings are the defaults, for a model that trains in a second.
func settings(t *testing.T) *Config {
	t.Helper()
	c := new(Config)
	if err := run.LoadConfig("", c); err != nil {
		t.Fatal(err)
	}
	c.Text, c.Hidden, c.Layers, c.Heads, c.Vocab, c.Length, c.BatchSize = []string{textFile}, 16, 1, 2, 320, 33, 8
	c.LearningRate, c.MaxSteps, c.SaveEvery, c.EvalEvery = 2e-2, 8, 3, 4
	return c
}

func prepare(t *testing.T, c *Config) *Data {
	t.Helper()
	texts, err := ReadTexts(c.Text)
	if err != nil {
		t.Fatal(err)
	}
	d, err := PrepareNew(context.Background(), texts, c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func choice(t *testing.T) backend.Choice {
	t.Helper()
	b, err := backend.New(cmp.Or(os.Getenv(backend.EnvBackend), "go"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// trainNew runs a training in a folder, or goes on with it.
func trainNew(t *testing.T, c *Config, d *Data, dir string) *full.Result {
	t.Helper()
	n, err := full.Init(d.Config, c.Seed)
	if err != nil {
		t.Fatal(err)
	}
	r, err := run.Start(dir, run.Spec{Command: "train base", Config: c}, true)
	if err != nil {
		t.Fatal(err)
	}
	job := &full.Run{
		Backend: choice(t).Backend, Network: n, Rows: d.Train, Dev: d.Dev, Plan: c.Plan(dtypes.Float32), Run: r, Log: io.Discard,
		Save: func(ctx context.Context, dir string, values map[string][]float32) error {
			return n.SaveNew(ctx, dir, values, d.Files)
		},
	}
	result, err := job.Train(context.Background())
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return result
}

// TestRun trains a new model, which then opens as any other with the same loss, and goes on after a loss of power to the same bytes.
func TestRun(t *testing.T) {
	c := settings(t)
	d, dir := prepare(t, c), t.TempDir()
	result := trainNew(t, c, d, filepath.Join(dir, "whole"))
	if uniform := math.Log(float64(d.Config.VocabSize)); result.DevLoss > uniform-0.2 || result.Steps != 8 || result.BestStep != 8 {
		t.Errorf("%+v: expected a loss of less than %v, of update 8", result, uniform-0.2)
	}
	m, err := model.Open(context.Background(), result.Model, model.Options{Backend: choice(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close() //nolint:errcheck // the test ends
	if !slices.Equal(m.StopTokens(), []int32{0}) || m.Chat() != nil || m.Tokenizer().VocabSize() != d.Vocabulary {
		t.Errorf("stop tokens %v, a chat template: %v, %d tokens", m.StopTokens(), m.Chat() != nil, m.Tokenizer().VocabSize())
	}
	var texts []model.Text
	for _, e := range d.Dev {
		texts = append(texts, model.Text{Prompt: e.Prompt, Continuation: e.Completion, Adapter: -1})
	}
	scores, err := m.Score(context.Background(), texts)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, score := range slices.Concat(scores...) {
		sum -= score
	}
	if loss := sum / float64(train.Tokens(d.Dev)); math.Abs(loss-result.DevLoss) > 1e-5 {
		t.Errorf("the model has a dev loss of %v, the run said %v", loss, result.DevLoss)
	}

	// Of the run's folder, what there was after update 6.
	if err := os.CopyFS(filepath.Join(dir, "cut"), os.DirFS(filepath.Join(dir, "whole"))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"done.json", full.ModelDir, filepath.Join("checkpoints", "step-00000008")} {
		if _, err := os.Stat(filepath.Join(dir, "cut", name)); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(filepath.Join(dir, "cut", name)); err != nil {
			t.Fatal(err)
		}
	}
	resumed := trainNew(t, c, d, filepath.Join(dir, "cut"))
	if resumed.DevLoss != result.DevLoss {
		t.Errorf("the resumed run has a dev loss of %v, the whole one of %v", resumed.DevLoss, result.DevLoss)
	}
	names, err := os.ReadDir(result.Model)
	if err != nil || len(names) != 5 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		want, got := read(t, result.Model, name.Name()), read(t, resumed.Model, name.Name())
		if want != got {
			t.Errorf("%s of the resumed run is another", name.Name())
		}
	}
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestArch designs a small model of each family by a config.json of one.
func TestArch(t *testing.T) {
	root, err := testmodel.Root()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, "testdata", "golden", "decoders", "*", "config.json"))
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		c := settings(t)
		c.Arch, c.Hidden, c.Layers, c.Heads, c.Vocab = file, 0, 2, 0, 300
		d := prepare(t, c)
		if d.Config.VocabSize != 300 || d.Config.NumHiddenLayers != 2 || len(d.Config.EOSTokenID) != 1 || d.Config.EOSTokenID[0] != 0 {
			t.Errorf("%s: %d tokens, %d layers, end %v", file, d.Config.VocabSize, d.Config.NumHiddenLayers, d.Config.EOSTokenID)
		}
		if n, err := full.Init(d.Config, 1); err != nil || n.Size() == 0 {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// TestPack predicts each token once, and none of control that the text spells.
func TestPack(t *testing.T) {
	c := settings(t)
	texts := &Texts{List: []string{"The first text.", "The second <|endoftext|> text.", strings.Repeat("And a third one. ", 40)}}
	d, err := PrepareNew(context.Background(), texts, c)
	if err != nil {
		t.Fatal(err)
	}
	all := slices.Concat(d.Train, d.Dev)
	ids := slices.Clone(all[0].Prompt)
	for i, e := range all {
		if e.Len() != c.Length || e.Prompt[0] != ids[len(ids)-1] {
			t.Errorf("sequence %d has %d tokens, and begins with %d", i, e.Len(), e.Prompt[0])
		}
		ids = append(ids, e.Completion...)
	}
	if rest := d.Tokens - len(ids); rest < 0 || rest >= c.Length-1 {
		t.Errorf("%d of %d tokens are in no sequence", rest, d.Tokens)
	}
	ends := 0
	for _, id := range ids {
		if id == 0 {
			ends++
		}
	}
	if ends > 3 || ends < 2 {
		t.Errorf("%d texts end", ends)
	}
	other := *c
	other.Seed = 2
	again, err := PrepareNew(context.Background(), texts, &other)
	if err != nil {
		t.Fatal(err)
	}
	if again.SHA256 == d.SHA256 || string(again.Files["tokenizer.json"]) != string(d.Files["tokenizer.json"]) {
		t.Error("another seed: expected another order of the same tokens")
	}
}

// TestFrom goes on with a model that is there, in its own tokens.
func TestFrom(t *testing.T) {
	c := settings(t)
	c.Chat = true
	d, dir := prepare(t, c), t.TempDir()
	n, err := full.Init(d.Config, 1)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string][]float32{}
	for _, p := range n.Params {
		values[p.Name] = p.Data
	}
	if err := n.SaveNew(context.Background(), dir, values, d.Files); err != nil {
		t.Fatal(err)
	}
	if _, err := tokenizer.LoadChat(dir); err != nil {
		t.Error(err)
	}
	if text := read(t, dir, "generation_config.json"); !strings.Contains(text, "2") {
		t.Errorf("a chat model stops at the end of a turn, too: %s", text)
	}
	further, err := PrepareFrom(context.Background(), d.Texts, dir, c)
	if err != nil {
		t.Fatal(err)
	}
	if further.SHA256 != d.SHA256 {
		t.Error("the model's own tokenizer gives other tokens")
	}
	root, err := testmodel.Root()
	if err != nil {
		t.Fatal(err)
	}
	for _, encoder := range []string{"bert_mlm", "roberta"} {
		if _, err := PrepareFrom(context.Background(), d.Texts, filepath.Join(root, "testdata", "golden", "encoders", encoder), c); err == nil || !strings.Contains(err.Error(), "encoder") {
			t.Error(encoder, err)
		}
	}
}

func TestBadInput(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	arch := func(text string) func(*Config) {
		return func(c *Config) { c.Arch, c.Hidden, c.Heads, c.Layers = write("arch.json", text), 0, 0, 0 }
	}
	for name, of := range map[string]struct {
		change func(c *Config)
		want   string
	}{
		"empty":   {func(c *Config) { c.Text = []string{write("empty.txt", " \n")} }, "there is no text in"},
		"folder":  {func(c *Config) { c.Text = []string{t.TempDir()} }, "there is no text in"},
		"missing": {func(c *Config) { c.Text = []string{filepath.Join(dir, "none.txt")} }, "none.txt: no such file"},
		"binary":  {func(c *Config) { c.Text = []string{write("a.bin", "\x00\x01")} }, "a.bin: is not text in UTF-8"},
		"line":    {func(c *Config) { c.Text = []string{write("a.jsonl", "{\"text\":\"a\"}\n{\"txt\":\"b\"}\n")} }, "a.jsonl:2: expected a text in the key \"text\""},
		"json":    {func(c *Config) { c.Text = []string{write("b.jsonl", "{\"text\":1}\n")} }, `b.jsonl:1: field "text": expected a string, found a JSON number`},
		"short":   {func(c *Config) { c.Text = []string{write("s.txt", "A few words.")} }, "fewer than one sequence of 33"},
		"no rest": {func(c *Config) { c.Length, c.DevShare = 1000, 0.95 }, "none is left to learn from"},
		"context": {func(c *Config) {
			c.Length = 64
			arch(`{"model_type":"llama","hidden_size":8,"intermediate_size":8,"num_hidden_layers":1,"num_attention_heads":2,"max_position_embeddings":32,"vocab_size":300}`)(c)
		}, "sequence_length is 64, and the model's context is 32"},
		"vocabulary": {func(c *Config) { c.Vocab = 256 }, "256 bytes and 1 special tokens make 257"},
		"family":     {arch(`{"model_type":"qwen9"}`), `"qwen9" is not known (the nearest is "qwen2")`},
		"encoder":    {arch(`{"model_type":"bert","hidden_size":8,"intermediate_size":8,"num_hidden_layers":1,"num_attention_heads":2,"vocab_size":300,"max_position_embeddings":32}`), "is an encoder's, which writes no text"},
		"no object":  {arch(`[]`), "arch.json: expected a JSON object"},
		"size":       {func(c *Config) { c.Hidden, c.Heads = 16, 3 }, "hidden_size 16 is not a multiple of num_attention_heads 3"},
	} {
		t.Run(name, func(t *testing.T) {
			c := settings(t)
			of.change(c)
			if err := c.Check(); err != nil {
				t.Fatal(err)
			}
			texts, err := ReadTexts(c.Text)
			if err == nil {
				_, err = PrepareNew(context.Background(), texts, c)
			}
			if err == nil || !strings.Contains(err.Error(), of.want) {
				t.Errorf("%v, expected %q", err, of.want)
			}
		})
	}
}

// TestReadTexts takes a folder's text files in order, and says what it left out.
func TestReadTexts(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"b.md": "second", "a.txt": "first", "c.jsonl": "{\"text\":\"third\"}\n\n{\"text\":\" \"}\n{\"text\":\"fourth\"}", "d.png": "\x89PNG\x00",
		".hidden": "hidden", filepath.Join(".git", "x"): "hidden", filepath.Join("sub", "e.go"): "fifth",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	texts, err := ReadTexts([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"first", "second", "third", "fourth", "fifth"}; !slices.Equal(texts.List, want) || texts.Skipped != 1 || texts.Files != 4 || texts.Bytes != 27 {
		t.Errorf("%+v, expected %v", texts, want)
	}
}

func TestCheck(t *testing.T) {
	for key, change := range map[string]func(c *Config){
		"text":            func(c *Config) { c.Text = nil },
		"sequence_length": func(c *Config) { c.Length = 1 },
		"batch_size":      func(c *Config) { c.BatchSize = 0 },
		"dev_share":       func(c *Config) { c.DevShare = 1 },
		"learning rate":   func(c *Config) { c.LearningRate = 0 },
		"hidden_size":     func(c *Config) { c.Arch, c.From = "", "model" },
		"arch":            func(c *Config) { c.Arch, c.From = "config.json", "model" },
	} {
		c := settings(t)
		change(c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", key, err)
		}
	}
	if err := settings(t).Check(); err != nil {
		t.Error(err)
	}
}
