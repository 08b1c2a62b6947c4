package model_test

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/model"
)

// tiny is the model that these tests run: a fixture of 131 tokens and 48 hidden units.
func tiny(_ testing.TB) string {
	return filepath.Join("..", "testdata", "golden", "decoders", "llama_gqa_untied")
}

// goldenHead writes the fixtures' trained MLP as a head folder that pools as told.
func goldenHead(t testing.TB, pooling classifier.Pooling) string {
	t.Helper()
	g := openGolden(t, filepath.Join("..", "testdata", "golden", "head", "mlp.safetensors"))
	config := classifier.DefaultConfig(48)
	config.Pooling = pooling
	h, err := classifier.New(string(pooling), config, map[string][]float32{
		"layers.0.weight": g.Floats("final.hidden.weight"), "layers.0.bias": g.Floats("final.hidden.bias"),
		"layers.1.weight": g.Floats("final.output.weight"), "layers.1.bias": g.Floats("final.output.bias"),
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), string(pooling))
	if err := h.Save(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// tinyRows are prompts of unlike length.
func tinyRows(n int, s model.Sampling) []model.Row {
	rows := make([]model.Row, n)
	for i := range rows {
		for j := range 3 + 4*i {
			rows[i].Prompt = append(rows[i].Prompt, int32(3+(i*37+j*11)%120))
		}
		rows[i].Adapter, rows[i].Sampling = -1, s
		rows[i].Sampling.Seed = s.Seed + uint64(i)
	}
	return rows
}

var tinyPrefix = []int32{1, 40, 41, 42, 43, 44, 45}

// closing is an arbitrary phrase with two answers.
var closing = model.ReviewOptions{Closing: []int32{70, 71, 72}, True: 80, False: 81}

func review(t testing.TB, m *model.Model, b model.Batch, o model.ReviewOptions) []model.Verdict {
	t.Helper()
	got, err := m.Review(context.Background(), b, o)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestOneExecution counts: a batch's reasoning, trajectory and verdict are one execution of one program, whatever its
// length, and a prefix is prefilled once for all batches.
func TestOneExecution(t *testing.T) {
	heads := []string{goldenHead(t, classifier.PoolMeanGenerated), goldenHead(t, classifier.PoolMax)}
	for name, m := range map[string]*model.Model{
		"heads":   openModel(t, tiny(t), model.Options{Backend: testBackend(t, ""), Heads: heads}),
		"closing": openModel(t, tiny(t), model.Options{Backend: testBackend(t, "")}),
	} {
		t.Run(name, func(t *testing.T) {
			batch := model.Batch{Prefix: tinyPrefix, Rows: tinyRows(3, model.Sampling{MaxTokens: 20})}
			o := closing
			o.Trajectory = true
			review(t, m, batch, o)
			first := m.Counts()
			if first.Decodes != 1 || first.Prefills != 2 || first.Compiled != 3 {
				t.Errorf("first batch: %+v, expected 1 decode, 2 prefills (prefix and rows) and 3 programs", first)
			}
			for range 3 {
				review(t, m, batch, o)
			}
			if got := m.Counts(); got.Decodes != 4 || got.Prefills != 5 || got.Compiled != 3 {
				t.Errorf("after four batches: %+v, expected 4 decodes, 5 prefills and no more programs", got)
			}
		})
	}
}

// TestTrajectory holds every point of a trajectory to what a run that stops there gives.
func TestTrajectory(t *testing.T) {
	const most = 6
	b := testBackend(t, "")
	heads := []string{
		goldenHead(t, classifier.PoolMeanGenerated), goldenHead(t, classifier.PoolMeanAll),
		goldenHead(t, classifier.PoolMeanFrom), goldenHead(t, classifier.PoolLast), goldenHead(t, classifier.PoolMax),
	}
	for name, m := range map[string]*model.Model{
		"heads":   openModel(t, tiny(t), model.Options{Backend: b, Heads: heads}),
		"closing": openModel(t, tiny(t), model.Options{Backend: b}),
	} {
		for _, temperature := range []float64{0, 0.8} {
			t.Run(name, func(t *testing.T) {
				run := func(max int, trajectory bool) []model.Verdict {
					o := closing
					o.Trajectory, o.Stop = trajectory, []int32{}
					rows := tinyRows(3, model.Sampling{MaxTokens: max, Temperature: temperature, Seed: 7})
					return review(t, m, model.Batch{Prefix: tinyPrefix, Rows: rows}, o)
				}
				whole := run(most, true)
				for max := range most + 1 {
					for i, v := range run(max, false) {
						if !slices.Equal(v.Tokens, whole[i].Tokens[:max]) {
							t.Errorf("row %d, %d tokens: %v, expected %v", i, max, v.Tokens, whole[i].Tokens[:max])
						}
						if d := math.Abs(v.P - whole[i].Ps[max][0]); !(d < 1e-5) {
							t.Errorf("row %d: p after %d tokens is %g in the trajectory, %g in a run of that length", i, max, whole[i].Ps[max][0], v.P)
						}
						if name == "heads" && len(v.Ps) != max+1 {
							t.Errorf("row %d: %d points, expected %d", i, len(v.Ps), max+1)
						}
					}
				}
			})
		}
	}
}

// heldHead is a golden head that was trained on so many tokens of an analysis.
func heldHead(t testing.TB, tokens int) string {
	t.Helper()
	dir := goldenHead(t, classifier.PoolMeanFrom)
	h, err := classifier.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	h.Config.MaxTokens = tokens
	if err := h.Save(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestHeadsHold holds that a head's probability stays what it is after as many tokens as the head was trained on, and that of others
// does not.
func TestHeadsHold(t *testing.T) {
	const most, trained = 6, 2
	free := goldenHead(t, classifier.PoolMeanFrom)
	for _, reads := range []int{0, trained} {
		held := heldHead(t, reads)
		m := openModel(t, tiny(t), model.Options{Backend: testBackend(t, ""), Heads: []string{held, free}})
		rows := tinyRows(2, model.Sampling{MaxTokens: most})
		for i, v := range review(t, m, model.Batch{Rows: rows}, model.ReviewOptions{Trajectory: true, Stop: []int32{}}) {
			moved := false
			for k, p := range v.Ps {
				if want := v.Ps[min(k, reads)][1]; p[0] != want {
					t.Errorf("row %d, trained on %d tokens: p after %d tokens is %g, expected %g", i, reads, k, p[0], want)
				}
				moved = moved || p[1] != v.Ps[min(k, reads)][1]
			}
			if v.P != v.Ps[reads][1] || !moved {
				t.Errorf("row %d: p is %g, expected %g, and another one at the end of the free head's %v", i, v.P, v.Ps[reads][1], v.Ps)
			}
		}
	}
}

// TestSureHolds holds that a row is not ended by what a head would say of more tokens than it was trained on.
func TestSureHolds(t *testing.T) {
	const most, trained = 6, 2
	free := goldenHead(t, classifier.PoolMeanFrom)
	held := heldHead(t, trained)
	b := model.Batch{Rows: tinyRows(1, model.Sampling{MinTokens: trained, MaxTokens: most})}
	for dir, want := range map[string]model.Finish{free: model.FinishSure, held: model.FinishBudget} {
		m := openModel(t, tiny(t), model.Options{Backend: testBackend(t, ""), Heads: []string{dir}})
		// The free head's probability is 0.39 after two tokens and 0.11 after three.
		if v := review(t, m, b, model.ReviewOptions{Sure: 0.8, Stop: []int32{}})[0]; v.Finish != want {
			t.Errorf("a head trained on %d tokens: ended by %s after %d, expected %s", m.Heads()[0].Config.MaxTokens, v.Finish, len(v.Tokens), want)
		}
	}
	// What is held is sure enough of 0.6, also where more tokens are asked for than the head reads.
	m := openModel(t, tiny(t), model.Options{Backend: testBackend(t, ""), Heads: []string{held}})
	b.Rows[0].Sampling.MinTokens = trained + 2
	if v := review(t, m, b, model.ReviewOptions{Sure: 0.6, Stop: []int32{}})[0]; v.Finish != model.FinishSure || len(v.Tokens) != trained+2 {
		t.Errorf("held: ended by %s after %d tokens, expected by sure after %d", v.Finish, len(v.Tokens), trained+2)
	}
}

// TestHeadsOnPools computes every head's trajectory again, on the host, from the states that the program kept.
func TestHeadsOnPools(t *testing.T) {
	kinds := []classifier.Pooling{classifier.PoolMeanGenerated, classifier.PoolMeanFrom, classifier.PoolLast}
	var dirs []string
	for _, k := range kinds {
		dirs = append(dirs, goldenHead(t, k))
	}
	m := openModel(t, tiny(t), model.Options{Backend: testBackend(t, ""), Heads: dirs})
	g := openGolden(t, filepath.Join("..", "testdata", "golden", "head", "mlp.safetensors"))
	w0, b0, w1, b1 := g.Floats("final.hidden.weight"), g.Floats("final.hidden.bias"), g.Floats("final.output.weight"), g.Floats("final.output.bias")
	judge := func(x []float64) float64 {
		z := float64(b1[0])
		for i := range b0 {
			sum := float64(b0[i])
			for j, v := range x {
				sum += v * float64(w0[i*len(x)+j])
			}
			z += float64(w1[i]) * sum * (1 + math.Erf(sum/math.Sqrt2)) / 2
		}
		return 1 / (1 + math.Exp(-z))
	}
	mean := func(states [][]float32) []float64 {
		out := make([]float64, len(states[0]))
		for _, s := range states {
			for i, v := range s {
				out[i] += float64(v) / float64(len(states))
			}
		}
		return out
	}
	rows := tinyRows(2, model.Sampling{MaxTokens: 5})
	for i, v := range review(t, m, model.Batch{Rows: rows}, model.ReviewOptions{Stop: []int32{}, KeepStates: true}) {
		for l := range v.Ps {
			pools := [][]float64{mean(v.States[:1]), mean(v.States[:1]), mean(v.States[l : l+1])}
			if l > 0 {
				pools[0], pools[1] = mean(v.States[1:l+1]), mean(v.States[:l])
			}
			for h, pool := range pools {
				if want := judge(pool); math.Abs(v.Ps[l][h]-want) > 1e-5 {
					t.Errorf("row %d, %d tokens, head %s: p %g, expected %g", i, l, kinds[h], v.Ps[l][h], want)
				}
			}
		}
	}
}

// TestClosing holds the generative verdict to the scores of the two answers after prompt, analysis and closing phrase.
func TestClosing(t *testing.T) {
	m := openModel(t, tiny(t), model.Options{Backend: testBackend(t, "")})
	rows := tinyRows(3, model.Sampling{})
	for i, max := range []int{0, 3, 9} { // rows close at different steps of one loop
		rows[i].Sampling.MaxTokens = max
	}
	o := closing
	o.Stop = []int32{}
	for i, v := range review(t, m, model.Batch{Prefix: tinyPrefix, Rows: rows}, o) {
		if len(v.Tokens) != rows[i].Sampling.MaxTokens || v.Finish != model.FinishBudget {
			t.Errorf("row %d: %d tokens, ended by %s, expected %d by budget", i, len(v.Tokens), v.Finish, rows[i].Sampling.MaxTokens)
		}
		before := slices.Concat(tinyPrefix, rows[i].Prompt, v.Tokens, closing.Closing)
		scores, err := m.Score(context.Background(), []model.Text{
			{Prompt: before, Continuation: []int32{closing.True}, Adapter: -1},
			{Prompt: before, Continuation: []int32{closing.False}, Adapter: -1},
		})
		if err != nil {
			t.Fatal(err)
		}
		if want := 1 / (1 + math.Exp(scores[1][0]-scores[0][0])); math.Abs(v.P-want) > 1e-5 {
			t.Errorf("row %d: p %g, expected %g", i, v.P, want)
		}
	}
}

// TestStopTokens ends an analysis at a stop token, but not below the minimum.
func TestStopTokens(t *testing.T) {
	m := openModel(t, tiny(t), model.Options{Backend: testBackend(t, "")})
	run := func(min int, stop ...int32) model.Verdict {
		o := closing
		o.Stop = stop
		return review(t, m, model.Batch{Rows: tinyRows(2, model.Sampling{MinTokens: min, MaxTokens: 8})}, o)[1]
	}
	free := run(0)
	at := slices.IndexFunc(free.Tokens, func(id int32) bool { return id != free.Tokens[0] })
	if at < 1 {
		t.Fatalf("the model repeats one token: %v", free.Tokens)
	}
	stop := free.Tokens[at]
	if got := run(0, stop); !slices.Equal(got.Tokens, free.Tokens[:at]) || got.Finish != model.FinishEOS {
		t.Errorf("stop token %d: %v, ended by %s, expected %v by eos", stop, got.Tokens, got.Finish, free.Tokens[:at])
	}
	if got := run(at+2, stop); slices.Contains(got.Tokens[:at+2], stop) || len(got.Tokens) < at+2 {
		t.Errorf("minimum %d: %v holds the stop token %d or is too short", at+2, got.Tokens, stop)
	}
}

// TestSure ends rows early, with the same verdicts as without at that length.
func TestSure(t *testing.T) {
	b := testBackend(t, "")
	for name, m := range map[string]*model.Model{
		"heads":   openModel(t, tiny(t), model.Options{Backend: b, Heads: []string{goldenHead(t, classifier.PoolMeanGenerated)}}),
		"closing": openModel(t, tiny(t), model.Options{Backend: b}),
	} {
		t.Run(name, func(t *testing.T) {
			o := closing
			o.Stop, o.Trajectory = []int32{}, true
			batch := model.Batch{Rows: tinyRows(3, model.Sampling{MinTokens: 2, MaxTokens: 12})}
			free := review(t, m, batch, o)
			sureness := func(p float64) float64 { return math.Max(p, 1-p) }
			o.Sure = sureness(free[1].Ps[4][0]) - 1e-6
			ended := 0
			for i, v := range review(t, m, batch, o) {
				want := 12
				for l := 2; l < 12; l++ {
					if sureness(free[i].Ps[l][0]) >= o.Sure {
						want = l
						ended++
						break
					}
				}
				if len(v.Tokens) != want || (want < 12) != (v.Finish == model.FinishSure) {
					t.Errorf("row %d: %d tokens, ended by %s, expected %d", i, len(v.Tokens), v.Finish, want)
				}
			}
			if ended == 0 {
				t.Error("no row ended early")
			}
		})
	}
}

// TestRowsAreAlone gives a row the same tokens alone, in a batch, behind a prefix, and in a batch filled up with empty rows.
func TestRowsAreAlone(t *testing.T) {
	m := openModel(t, tiny(t), model.Options{Backend: testBackend(t, "")})
	rows := tinyRows(5, model.Sampling{MaxTokens: 10, Temperature: 0.7, Seed: 3})
	together := review(t, m, model.Batch{Prefix: tinyPrefix, Rows: rows}, closing)
	for i, row := range rows {
		o := closing
		o.Slots, o.RoomTokens, o.RoomPrompt = 2, 40, 70
		behind := review(t, m, model.Batch{Prefix: tinyPrefix, Rows: []model.Row{row}}, o)[0]
		row.Prompt = slices.Concat(tinyPrefix, row.Prompt)
		alone := review(t, m, model.Batch{Rows: []model.Row{row}}, closing)[0]
		for _, v := range []model.Verdict{behind, alone} {
			if !slices.Equal(v.Tokens, together[i].Tokens) || math.Abs(v.P-together[i].P) > 1e-5 {
				t.Errorf("row %d: %v (p %g), in the batch %v (p %g)", i, v.Tokens, v.P, together[i].Tokens, together[i].P)
			}
		}
	}
}

// TestBFloat16 runs weights, adapters, states and cache in bfloat16, as on a GPU: near to float32, with 8 bits of mantissa.
func TestBFloat16(t *testing.T) {
	b := testBackend(t, "")
	run := func(dtype dtypes.DType) ([][]float64, []model.Verdict) {
		m := openModel(t, tiny(t), model.Options{
			Backend: b, DType: dtype, Heads: []string{goldenHead(t, classifier.PoolMeanAll)},
			Adapters: []string{filepath.Join("..", "testdata", "golden", "lora", "llama", "all_linear")},
		})
		scores, err := m.Score(context.Background(), []model.Text{{Prompt: tinyPrefix, Continuation: []int32{5, 6, 7, 8}, Adapter: -1}})
		if err != nil {
			t.Fatal(err)
		}
		rows := tinyRows(3, model.Sampling{MaxTokens: 0})
		rows[1].Adapter = 0
		return scores, review(t, m, model.Batch{Prefix: tinyPrefix, Rows: rows}, model.ReviewOptions{})
	}
	wantScores, want := run(dtypes.Float32)
	gotScores, got := run(dtypes.BFloat16)
	for i := range wantScores[0] {
		if d := math.Abs(gotScores[0][i] - wantScores[0][i]); d > 0.15 || d == 0 {
			t.Errorf("score %d: %g in bfloat16, %g in float32", i, gotScores[0][i], wantScores[0][i])
		}
	}
	for i := range want {
		if d := math.Abs(got[i].P - want[i].P); d > 0.05 || d == 0 {
			t.Errorf("row %d: p %g in bfloat16, %g in float32", i, got[i].P, want[i].P)
		}
	}
}

// TestRefusals are calls that cannot be run: each says what is wrong with which row.
func TestRefusals(t *testing.T) {
	m := openModel(t, tiny(t), model.Options{Backend: testBackend(t, "")})
	long := make([]int32, 200)
	for name, c := range map[string]struct {
		batch model.Batch
		want  string
	}{
		"no rows":       {model.Batch{}, "no rows"},
		"empty prompt":  {model.Batch{Rows: []model.Row{{Adapter: -1}}}, "row 0: the prompt is empty"},
		"too long":      {model.Batch{Rows: []model.Row{{Prompt: long, Adapter: -1}}}, "row 0: 200 prompt and 0 new tokens exceed the model's context of 128"},
		"no such token": {model.Batch{Rows: []model.Row{{Prompt: []int32{3, 131}, Adapter: -1}}}, "row 0: token 1 is 131, outside the vocabulary of 131"},
		"no such prefix": {
			model.Batch{Prefix: []int32{-4}, Rows: []model.Row{{Prompt: []int32{3}, Adapter: -1}}}, "token 0 is -4",
		},
		"no such adapter": {model.Batch{Rows: []model.Row{{Prompt: []int32{3}, Adapter: 2}}}, "row 0: adapter 2 is not there"},
		"negative": {
			model.Batch{Rows: []model.Row{{Prompt: []int32{3}, Adapter: -1, Sampling: model.Sampling{MaxTokens: -1}}}}, "row 0: max tokens: expected 0 or more, found -1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := m.Review(context.Background(), c.batch, closing)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, expected one with %q", err, c.want)
			}
		})
	}
	_, err := m.Review(context.Background(), model.Batch{Rows: tinyRows(1, model.Sampling{})}, model.ReviewOptions{})
	if err == nil || !strings.Contains(err.Error(), "nothing can judge") {
		t.Errorf("no head and no closing phrase: error %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := m.Review(ctx, model.Batch{Rows: tinyRows(1, model.Sampling{})}, closing); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: error %v", err)
	}
}
