package model_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/internal/fixtures"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/transformer"
)

// tolerance is the largest difference allowed in states, logits and log-probabilities, by the fixtures' README: a wrong
// epsilon of Gemma's norms shows only below what others are allowed.
func tolerance(m *model.Model) float64 {
	if strings.HasPrefix(m.Config().ModelType, "gemma") {
		return 3e-5
	}
	return 1e-4
}

// testBackend opens the backend that the tests run on: XLA where it is there, as for a user.
func testBackend(t testing.TB, name string) backend.Choice {
	t.Helper()
	b, err := backend.New(name)
	if err != nil {
		t.Fatal(err)
	}
	if b.Note != "" {
		t.Log(b.Note)
	}
	return b
}

// golden is an expected.safetensors.
type golden struct{ fixtures.Golden }

func openGolden(t testing.TB, path string) golden {
	t.Helper()
	return golden{fixtures.OpenGolden(t, path)}
}

// rows are the fixture's prompts without padding.
func (g golden) rows() [][]int32 {
	ids, mask, shape := g.Ints("input_ids"), g.Ints("attention_mask"), g.Shape("input_ids")
	out := make([][]int32, shape[0])
	for i := range out {
		for j := range shape[1] {
			if mask[i*shape[1]+j] == 1 {
				out[i] = append(out[i], ids[i*shape[1]+j])
			}
		}
	}
	return out
}

// worst keeps the largest difference seen, and where.
type worst struct {
	diff  float64
	where string
}

func (w *worst) compare(where string, got, want []float32) {
	if len(got) != len(want) {
		*w = worst{math.Inf(1), fmt.Sprintf("%s: %d values, expected %d", where, len(got), len(want))}
		return
	}
	for i := range got {
		if d := math.Abs(float64(got[i]) - float64(want[i])); d > w.diff || math.IsNaN(d) {
			if math.IsNaN(d) {
				d = math.Inf(1)
			}
			*w = worst{d, fmt.Sprintf("%s[%d]: %g, expected %g", where, i, got[i], want[i])}
		}
	}
}

func (w *worst) check(t testing.TB, limit float64) {
	t.Helper()
	t.Logf("largest error %.2g (%s), allowed %.0e", w.diff, w.where, limit)
	if w.diff > limit {
		t.Errorf("error %g exceeds %g at %s", w.diff, limit, w.where)
	}
}

// line is row i of a padded tensor [B, S, ...] cut to n positions.
func line(flat []float32, shape []int, i, n int) []float32 {
	stride, width := len(flat)/shape[0], len(flat)/shape[0]/shape[1]
	return flat[i*stride : i*stride+n*width]
}

// everyFeature is what the fixtures have pooled states for.
var everyFeature = []classifier.Feature{
	{Layer: classifier.LastLayer, Pooling: classifier.PoolMeanGenerated},
	{Layer: classifier.LastLayer, Pooling: classifier.PoolMeanFrom},
	{Layer: classifier.LastLayer, Pooling: classifier.PoolMeanAll},
	{Layer: classifier.LastLayer, Pooling: classifier.PoolLast},
}

// knownFamily tells whether this version has the fixture's architecture.
func knownFamily(t testing.TB, dir string) bool {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		ModelType string `json:"model_type"`
	}
	if err := json.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	_, err = transformer.Lookup(c.ModelType)
	return err == nil
}

// decoderFixtures are the fixtures of known families: an unknown one is named in the log and passed over.
func decoderFixtures(t *testing.T) []string {
	t.Helper()
	known := slices.DeleteFunc(fixtures.Glob(t, "decoders/*"), func(dir string) bool {
		if knownFamily(t, dir) {
			return false
		}
		t.Logf("%s: its family is not known to this version", filepath.Base(dir))
		return true
	})
	if len(known) == 0 {
		t.Fatalf("%s holds no decoder fixture of a known family", fixtures.Dir())
	}
	return known
}

// TestParityDecoders holds every decoder fixture to what transformers computed: prefill, cache, pools, scores.
func TestParityDecoders(t *testing.T) {
	b := testBackend(t, "")
	for _, dir := range decoderFixtures(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			g := openGolden(t, filepath.Join(dir, "expected.safetensors"))
			m := openModel(t, dir, model.Options{Backend: b, Features: everyFeature, ContextLength: contextFor(t, dir, g)})
			t.Run("prefill", func(t *testing.T) { parityPrefill(t, m, g, -1) })
			t.Run("score", func(t *testing.T) { parityScore(t, m, g) })
			t.Run("decode", func(t *testing.T) { parityDecode(t, m, g, -1, true) })
			t.Run("shared prefix", func(t *testing.T) { paritySharedPrefix(t, m, g) })
			t.Run("config.v4.json", func(t *testing.T) { parityOldConfig(t, b, dir, g) })
		})
	}
}

// contextFor is the context length to ask for: 0, the model's own, but where the fixture's rows are longer, as those of
// longrope's long factors are.
func contextFor(t testing.TB, dir string, g golden) int {
	t.Helper()
	config, err := transformer.LoadConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	longest := 0
	for _, row := range g.rows() {
		longest = max(longest, len(row)+g.Shape("greedy_ids")[1])
	}
	if longest <= config.ContextLength {
		return 0
	}
	return longest
}

// TestParityGoBackend is a fair subset on GoMLX's pure-Go backend.
func TestParityGoBackend(t *testing.T) {
	b := testBackend(t, "go")
	for _, dir := range decoderFixtures(t)[:2] {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			m := openModel(t, dir, model.Options{Backend: b, Features: everyFeature})
			g := openGolden(t, filepath.Join(dir, "expected.safetensors"))
			t.Run("prefill", func(t *testing.T) { parityPrefill(t, m, g, -1) })
			t.Run("decode", func(t *testing.T) { parityDecode(t, m, g, -1, true) })
		})
	}
}

// TestParityLoRA holds adapters on the llama base to what PEFT computed: live, merged, and mixed in one batch.
func TestParityLoRA(t *testing.T) {
	b := testBackend(t, "")
	byBase := map[string][]string{}
	for _, dir := range fixtures.Glob(t, "lora/*/*") {
		base := adapterBase(t, dir)
		if !knownFamily(t, base) {
			t.Logf("%s: the family of its base is not known to this version", dir)
			continue
		}
		byBase[base] = append(byBase[base], dir)
	}
	if len(byBase) == 0 {
		t.Fatalf("%s holds no adapter whose base is of a known family", fixtures.Dir())
	}
	for base, dirs := range byBase {
		var live []string
		for _, dir := range dirs {
			name := filepath.Base(filepath.Dir(dir)) + "/" + filepath.Base(dir)
			g := openGolden(t, filepath.Join(dir, "expected.safetensors"))
			base := goldenWithPrompts(t, base, g)
			t.Run(name+"/merged", func(t *testing.T) {
				m := openModel(t, base.dir, model.Options{Backend: b, Adapters: []string{dir}, Merge: true, Features: everyFeature})
				parityPrefill(t, m, base.golden, -1)
				parityDecode(t, m, base.golden, -1, false)
			})
			if mustMerge(t, dir) {
				continue
			}
			live = append(live, dir)
			t.Run(name+"/live", func(t *testing.T) {
				m := openModel(t, base.dir, model.Options{Backend: b, Adapters: []string{dir}, Features: everyFeature})
				parityPrefill(t, m, base.golden, 0)
				parityDecode(t, m, base.golden, 0, false)
			})
		}
		t.Run(filepath.Base(base)+" mixed", func(t *testing.T) { parityMixed(t, b, base, live) })
	}
}

// withPrompts is an adapter's expected tensors with the prompts of its base.
type withPrompts struct {
	dir    string
	golden mixedGolden
}

// mixedGolden takes prompts from the base's fixture and what is expected from the adapter's.
type mixedGolden struct {
	prompts, expected golden
}

func goldenWithPrompts(t testing.TB, base string, expected golden) withPrompts {
	return withPrompts{base, mixedGolden{openGolden(t, filepath.Join(base, "expected.safetensors")), expected}}
}

func (m mixedGolden) rows() [][]int32              { return m.prompts.rows() }
func (m mixedGolden) Floats(name string) []float32 { return m.expected.Floats(name) }
func (m mixedGolden) Ints(name string) []int32     { return m.expected.Ints(name) }
func (m mixedGolden) Shape(name string) []int      { return m.expected.Shape(name) }

// expectation is a fixture, whoever holds its prompts.
type expectation interface {
	rows() [][]int32
	Floats(name string) []float32
	Ints(name string) []int32
	Shape(name string) []int
}

func adapterBase(t testing.TB, dir string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "adapter_config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Base string `json:"base_model_name_or_path"`
	}
	if err := json.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(fixtures.Dir(), filepath.FromSlash(c.Base))
}

// mustMerge tells whether the adapter replaces whole modules, which cannot be live beside others.
func mustMerge(t testing.TB, dir string) bool {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "adapter_config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		ModulesToSave []string `json:"modules_to_save"`
		Bias          string   `json:"bias"`
	}
	if err := json.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	return len(c.ModulesToSave) > 0 || c.Bias == "all"
}

func openModel(t testing.TB, dir string, o model.Options) *model.Model {
	t.Helper()
	if o.DType == dtypes.InvalidDType {
		o.DType = dtypes.Float32 // on a GPU, too
	}
	m, err := model.Open(context.Background(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// parityPrefill compares states and logits of the right-padded batch.
func parityPrefill(t *testing.T, m *model.Model, g expectation, adapter int) {
	rows := g.rows()
	adapters := make([]int, len(rows))
	for i := range adapters {
		adapters[i] = adapter
	}
	got, err := m.States(context.Background(), rows, adapters, model.StatesOptions{Layers: true, Logits: true})
	if err != nil {
		t.Fatal(err)
	}
	var w worst
	for i, row := range rows {
		compare := func(name string, values []float32) {
			w.compare(fmt.Sprintf("%s row %d", name, i), values, line(g.Floats(name), g.Shape(name), i, len(row)))
		}
		compare("hidden_last", got.Last[i])
		compare("logits", got.Logits[i])
		if _, ok := g.(golden); ok { // an adapter's fixture has no states of layers
			compare("hidden.embed", got.Embed[i])
			for l := range got.Layers {
				compare(fmt.Sprintf("hidden.layer_%d", l), got.Layers[l][i])
			}
		}
	}
	w.check(t, tolerance(m))
}

// parityScore compares the log-probabilities of the target tokens.
func parityScore(t *testing.T, m *model.Model, g golden) {
	rows, targets := g.rows(), g.Ints("target_ids")
	n := g.Shape("target_ids")[1]
	texts := make([]model.Text, len(rows))
	for i, row := range rows {
		texts[i] = model.Text{Prompt: row, Continuation: targets[i*n : (i+1)*n], Adapter: -1}
	}
	got, err := m.Score(context.Background(), texts)
	if err != nil {
		t.Fatal(err)
	}
	want := g.Floats("target_token_logprobs")
	var w worst
	for i := range rows {
		w.compare(fmt.Sprintf("target_token_logprobs row %d", i), narrow(got[i]), want[i*n:(i+1)*n])
	}
	w.check(t, tolerance(m))
}

func narrow(x []float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v)
	}
	return out
}

// decodeRows runs greedy decoding of the fixture's length with every pool and state kept.
func decodeRows(t *testing.T, m *model.Model, batch model.Batch, n int) []model.Verdict {
	t.Helper()
	got, err := m.Generate(context.Background(), batch, model.ReviewOptions{
		Stop: []int32{}, KeepStates: true, KeepPooled: []int{n},
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// parityDecode compares greedy tokens, and the states and pools that the decode program keeps.
func parityDecode(t *testing.T, m *model.Model, g expectation, adapter int, whole bool) {
	rows := g.rows()
	n := g.Shape("greedy_ids")[1]
	var batch model.Batch
	for _, row := range rows {
		batch.Rows = append(batch.Rows, model.Row{Prompt: row, Adapter: adapter, Sampling: model.Sampling{MaxTokens: n}})
	}
	compareDecode(t, decodeRows(t, m, batch, n), g, whole, tolerance(m))
}

func compareDecode(t *testing.T, got []model.Verdict, g expectation, whole bool, limit float64) {
	t.Helper()
	ids, n := g.Ints("greedy_ids"), g.Shape("greedy_ids")[1]
	var w worst
	for i, v := range got {
		if want := ids[i*n : (i+1)*n]; !slices.Equal(v.Tokens, want) {
			t.Errorf("row %d: greedy ids %v, expected %v", i, v.Tokens, want)
		}
		compare := func(name string, values []float32) {
			want := g.Floats(name)
			size := len(want) / g.Shape(name)[0]
			w.compare(fmt.Sprintf("%s row %d", name, i), values, want[i*size:(i+1)*size])
		}
		compare("gen_mean_at", v.Pooled[0][0])
		if !whole {
			continue
		}
		compare("gen_mean_from", v.Pooled[1][0])
		compare("prompt_gen_mean", v.Pooled[2][0])
		compare("gen_states", slices.Concat(v.States...))
		last := g.Floats("gen_states")
		size := len(last) / g.Shape("gen_states")[0]
		w.compare("last state", v.Pooled[3][0], last[(i+1)*size-len(v.Pooled[3][0]):(i+1)*size])
	}
	w.check(t, limit)
}

// paritySharedPrefix gives both rows a common prefix of a few tokens, through the prefix cache, and expects what each whole
// row gives alone: the fixtures' prompts differ from the first token on, so each is its own prefix.
func paritySharedPrefix(t *testing.T, m *model.Model, g golden) {
	n := g.Shape("greedy_ids")[1]
	var got []model.Verdict
	for i, row := range g.rows() {
		cut := min(3+5*i, len(row)-1)
		got = append(got, decodeRows(t, m, model.Batch{
			Prefix: row[:cut],
			Rows:   []model.Row{{Prompt: row[cut:], Adapter: -1, Sampling: model.Sampling{MaxTokens: n}}},
		}, n)...)
	}
	compareDecode(t, got, g, true, tolerance(m))
}

// parityMixed runs every adapter of a base, and the bare base, side by side in one batch behind a shared prefix.
func parityMixed(t *testing.T, b backend.Choice, base string, dirs []string) {
	m := openModel(t, base, model.Options{Backend: b, Adapters: dirs, Features: everyFeature})
	prompts := openGolden(t, filepath.Join(base, "expected.safetensors"))
	n := prompts.Shape("greedy_ids")[1]
	row := prompts.rows()[0]
	cut := len(row) / 2
	batch := model.Batch{Prefix: row[:cut]}
	for adapter := -1; adapter < len(dirs); adapter++ {
		batch.Rows = append(batch.Rows, model.Row{Prompt: row[cut:], Adapter: adapter, Sampling: model.Sampling{MaxTokens: n}})
	}
	got := decodeRows(t, m, batch, n)
	compareDecode(t, got[:1], prompts, true, tolerance(m))
	for i, dir := range dirs {
		compareDecode(t, got[i+1:i+2], openGolden(t, filepath.Join(dir, "expected.safetensors")), false, tolerance(m))
	}
}

// parityOldConfig reads the same model through the older spelling of its config.
func parityOldConfig(t *testing.T, b backend.Choice, dir string, g golden) {
	old := filepath.Join(dir, "config.v4.json")
	if _, err := os.Stat(old); err != nil {
		t.Skip("the fixture has no config.v4.json")
	}
	mirror := t.TempDir()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.IsDir() || strings.HasPrefix(f.Name(), "config") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(mirror, f.Name()), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(old)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(mirror, "config.json"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	parityPrefill(t, openModel(t, mirror, model.Options{Backend: b, ContextLength: contextFor(t, mirror, g)}), g, -1)
}
