// Package bench is Janus' side of bench/run: it runs a workload and says how long each phase took. README.md has the
// protocol and the meaning of every field.
package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/review"
)

// started is near enough to the process's start: packages are initialised in milliseconds.
var started = time.Now()

const (
	workloadSchema = "janus-bench-workload/1"
	sideSchema     = "janus-bench-side/1"
)

// Names of the phases.
const (
	phasePrefill      = "prefill"
	phaseDecode       = "decode"
	phaseSharedPrefix = "shared_prefix"
	phaseFirstVerdict = "first_verdict"
)

// Phases are all that there are, those that run where none is asked for first.
var Phases = []string{phasePrefill, phaseDecode, phaseSharedPrefix, phaseFirstVerdict}

// Workload is the token ids that every side runs.
type Workload struct {
	Schema  string `json:"schema"`
	Prefill struct {
		Prompt []int32 `json:"prompt"`
		Repeat int     `json:"repeat"`
	} `json:"prefill"`
	Decode struct {
		Prompts   [][]int32 `json:"prompts"`
		NewTokens int       `json:"new_tokens"`
		Batches   []int     `json:"batches"`
		Repeat    int       `json:"repeat"`
	} `json:"decode"`
	SharedPrefix struct {
		Prefix    []int32   `json:"prefix"`
		Suffixes  [][]int32 `json:"suffixes"`
		NewTokens int       `json:"new_tokens"`
	} `json:"shared_prefix"`
	FirstVerdict struct {
		Prompt    []int32 `json:"prompt"`
		NewTokens int     `json:"new_tokens"`
	} `json:"first_verdict"`
}

// ReadWorkload reads a workload file.
func ReadWorkload(name string) (*Workload, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("workload: %w", err)
	}
	w := &Workload{}
	if err := json.Unmarshal(data, w); err != nil {
		return nil, fmt.Errorf("workload %s: %w", name, err)
	}
	if w.Schema != workloadSchema {
		return nil, fmt.Errorf("workload %s: schema: expected %q, found %q", name, workloadSchema, w.Schema)
	}
	return w, nil
}

// Phase is what one phase took.
type Phase struct {
	Rows     int       `json:"rows"`
	Tokens   int       `json:"tokens"` // read or written within one of Seconds
	Seconds  []float64 `json:"seconds"`
	TotalS   []float64 `json:"total_s,omitempty"`
	CompileS float64   `json:"compile_s,omitempty"`
	IDs      [][]int32 `json:"ids,omitempty"`
}

// Side is what a run prints.
type Side struct {
	Schema       string            `json:"schema"`
	Name         string            `json:"name"`
	Versions     map[string]string `json:"versions"`
	Device       string            `json:"device"`
	DType        string            `json:"dtype"`
	Threads      int               `json:"threads"`
	LoadS        float64           `json:"load_s"`
	CompileS     float64           `json:"compile_s"`
	Prefill      *Phase            `json:"prefill,omitempty"`
	Decode       map[string]*Phase `json:"decode,omitempty"`
	SharedPrefix *Phase            `json:"shared_prefix,omitempty"`
	FirstVerdict *Phase            `json:"first_verdict,omitempty"`
}

// Options say what is measured.
type Options struct {
	Workload    *Workload
	Dir         string // Hugging Face folder
	Backend     backend.Choice
	BackendName string   // as asked for
	Phases      []string // nil: all but first_verdict
	Version     string   // of Janus
}

// runner is a run in progress.
type runner struct {
	ctx   context.Context
	model *model.Model
	work  *Workload
	side  *Side
	cpu   bool
}

// Run measures.
func Run(ctx context.Context, o Options) (side *Side, err error) {
	phases := o.Phases
	if phases == nil {
		phases = Phases[:3]
	}
	for _, p := range phases {
		if !slices.Contains(Phases, p) {
			return nil, fmt.Errorf("phases: expected some of %s, found %q", strings.Join(Phases, ", "), p)
		}
	}
	r := &runner{ctx: ctx, work: o.Workload, cpu: o.Backend.IsCPU(), side: &Side{
		Schema: sideSchema, Name: "janus", Device: "cuda", DType: "bfloat16", Threads: runtime.NumCPU(),
		Versions: map[string]string{"janus": o.Version, "backend": o.Backend.Name(), "plugin": withoutFolders(o.Backend.Description()), "go": runtime.Version()},
	}}
	if r.cpu {
		r.side.Device, r.side.DType = "cpu", "float32"
	}
	start := time.Now()
	if r.model, err = model.Open(ctx, o.Dir, model.Options{Backend: o.Backend}); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.model.Close()) }()
	r.side.LoadS = time.Since(start).Seconds()
	run := map[string]func() error{
		phasePrefill: r.prefill, phaseDecode: r.decode, phaseSharedPrefix: r.sharedPrefix, phaseFirstVerdict: r.firstVerdict,
	}
	for _, p := range phases {
		if err := run[p](); err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
	}
	return r.side, nil
}

// withoutFolders leaves of every path in a text its last part: results are published, and where a plugin lay is nobody's
// business.
func withoutFolders(text string) string {
	fields := strings.Fields(text)
	for i, f := range fields {
		if at := strings.LastIndexByte(f, '/'); at >= 0 {
			fields[i] = f[at+1:]
		}
	}
	return strings.Join(fields, " ")
}

// warm runs call twice. What the first run took longer is compiling.
func (r *runner) warm(call func() error) (compile float64, err error) {
	first, err := timed(call)
	if err != nil {
		return 0, err
	}
	second, err := timed(call)
	compile = max(first-second, 0)
	r.side.CompileS += compile
	return compile, err
}

func timed(call func() error) (seconds float64, err error) {
	start := time.Now()
	err = call()
	return time.Since(start).Seconds(), err
}

// prefill is a pass over the prompt that scores its last position.
func (r *runner) prefill() error {
	prompt := r.work.Prefill.Prompt
	last := len(prompt) - 1
	if last < 1 {
		return fmt.Errorf("expected a prompt of 2 or more tokens, found %d", len(prompt))
	}
	once := func() error {
		_, err := r.model.Score(r.ctx, []model.Text{{Prompt: prompt[:last], Continuation: prompt[last:], Adapter: -1}})
		return err
	}
	if _, err := r.warm(once); err != nil {
		return err
	}
	r.side.Prefill = &Phase{Rows: 1, Tokens: len(prompt)}
	for range r.work.Prefill.Repeat {
		seconds, err := timed(once)
		if err != nil {
			return err
		}
		r.side.Prefill.Seconds = append(r.side.Prefill.Seconds, seconds)
	}
	return nil
}

// decode writes tokens after prompts. The time without the prompt is that of all tokens less that of one, by the same
// programs, so that rows × (new_tokens - 1) tokens fall into it.
func (r *runner) decode() error {
	w := r.work.Decode
	r.side.Decode = map[string]*Phase{}
	for _, size := range w.Batches {
		if size > len(w.Prompts) {
			return fmt.Errorf("batch %d: there are %d prompts", size, len(w.Prompts))
		}
		var ids [][]int32
		generate := func(tokens int) func() error {
			return func() (err error) {
				ids, err = r.generate(nil, w.Prompts[:size], tokens, model.ReviewOptions{RoomTokens: w.NewTokens})
				return err
			}
		}
		if _, err := r.warm(generate(1)); err != nil {
			return err
		}
		phase := &Phase{Rows: size, Tokens: size * (w.NewTokens - 1)}
		for range w.Repeat {
			one, err := timed(generate(1))
			if err != nil {
				return err
			}
			all, err := timed(generate(w.NewTokens))
			if err != nil {
				return err
			}
			phase.Seconds = append(phase.Seconds, all-one)
			phase.TotalS = append(phase.TotalS, all)
		}
		phase.IDs = ids
		r.side.Decode[strconv.Itoa(size)] = phase
	}
	return nil
}

// generate runs one batch greedily, for exactly so many tokens, and returns the new tokens.
func (r *runner) generate(prefix []int32, prompts [][]int32, tokens int, o model.ReviewOptions) ([][]int32, error) {
	b := model.Batch{Prefix: prefix}
	for _, p := range prompts {
		b.Rows = append(b.Rows, model.Row{Prompt: p, Adapter: -1, Sampling: model.Sampling{MinTokens: tokens, MaxTokens: tokens}})
	}
	out, err := r.model.Generate(r.ctx, b, o)
	if err != nil {
		return nil, err
	}
	ids := make([][]int32, len(out))
	for i, v := range out {
		ids[i] = v.Tokens
	}
	return ids, nil
}

// sharedPrefix runs findings that share a prefix as `janus review` does.
func (r *runner) sharedPrefix() error {
	w := r.work.SharedPrefix
	lengths := make([]int, len(w.Suffixes))
	for i, s := range w.Suffixes {
		lengths[i] = len(s)
	}
	plan := review.Plan(lengths, review.DefaultLimits(r.cpu))
	ids := make([][]int32, len(w.Suffixes))
	run := func(prefix []int32, batches []review.Batch, tokens int) error {
		for _, b := range batches {
			prompts := make([][]int32, len(b.Rows))
			for i, at := range b.Rows {
				prompts[i] = w.Suffixes[at]
			}
			out, err := r.generate(prefix, prompts, tokens, model.ReviewOptions{Slots: b.Slots, RoomPrompt: b.Room - 1, RoomTokens: w.NewTokens})
			if err != nil {
				return err
			}
			for i, at := range b.Rows {
				ids[at] = out[i]
			}
		}
		return nil
	}
	// Another prefix of the same length: the model keeps the last one's cache, which must be made anew in what is timed.
	other := slices.Clone(w.Prefix)
	slices.Reverse(other)
	compile, err := r.warm(func() error { return run(other, oneOfEachShape(plan), 1) })
	if err != nil {
		return err
	}
	seconds, err := timed(func() error { return run(w.Prefix, plan, w.NewTokens) })
	r.side.SharedPrefix = &Phase{
		Rows: len(ids), Tokens: len(ids) * w.NewTokens, Seconds: []float64{seconds}, CompileS: compile, IDs: ids,
	}
	return err
}

// oneOfEachShape picks a batch for each program that the plan needs.
func oneOfEachShape(plan []review.Batch) []review.Batch {
	var list []review.Batch
	for _, b := range plan {
		if !slices.ContainsFunc(list, func(x review.Batch) bool { return x.Slots == b.Slots && x.Room == b.Room }) {
			list = append(list, b)
		}
	}
	return list
}

// firstVerdict is timed from the process's start.
func (r *runner) firstVerdict() error {
	w := r.work.FirstVerdict
	ids, err := r.generate(nil, [][]int32{w.Prompt}, w.NewTokens, model.ReviewOptions{})
	r.side.FirstVerdict = &Phase{Rows: 1, Tokens: w.NewTokens, Seconds: []float64{time.Since(started).Seconds()}, IDs: ids}
	return err
}
