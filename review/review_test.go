package review

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/prompts"
	"github.com/januslm/janus/tokenizer"
)

// fakeEngine answers without computing, fails on prompts that hold the token bad, and keeps what it was asked.
type fakeEngine struct {
	bad     int32
	p       float64
	says    []int32 // nil: a token of the prompt
	batches []model.Batch
	before  func(call int)
}

func (e *fakeEngine) Review(_ context.Context, b model.Batch, _ model.ReviewOptions) ([]model.Verdict, error) {
	if e.before != nil {
		e.before(len(e.batches))
	}
	e.batches = append(e.batches, b)
	out := make([]model.Verdict, len(b.Rows))
	for i, r := range b.Rows {
		if slices.Contains(r.Prompt, e.bad) {
			return nil, errors.New("this prompt breaks the model")
		}
		out[i] = model.Verdict{P: e.p, Tokens: e.says}
		if e.says == nil {
			out[i].Tokens = r.Prompt[:1]
		}
	}
	return out, nil
}

func fakeReviewer(t *testing.T, e *fakeEngine, o Options) *Reviewer {
	t.Helper()
	r := &Reviewer{engine: e, prompter: testPrompter(t, nil), modelName: "fake"}
	if err := r.set(o, 0.5, testContext); err != nil {
		t.Fatal(err)
	}
	return r
}

// The words of a model may end in a verdict that is not its head's.
func TestReasoningHasNoVerdictOfItsOwn(t *testing.T) {
	e := &fakeEngine{p: 0.9, bad: -1}
	r := fakeReviewer(t, e, Options{})
	said, err := r.prompter.tok.Encode("It is there.\n\nVerdict: false positive", tokenizer.EncodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	e.says = said.IDs
	v := reviewAll(t, r, []*finding.Finding{code("a", 1)})[0]
	if v.Reasoning != "It is there." || v.Verdict != finding.TruePositive || v.Tokens != len(said.IDs) {
		t.Errorf("got %+v", v)
	}
}

func TestReviewSharesThePrefix(t *testing.T) {
	e := &fakeEngine{p: 0.9, bad: -1}
	r := fakeReviewer(t, e, Options{Batch: 2})
	findings := []*finding.Finding{code("a", 9), code("b", 1), code("c", 5)}
	verdicts := reviewAll(t, r, findings)
	var rows []string
	for _, b := range e.batches {
		if len(b.Prefix) < leastShared || !slices.Equal(b.Prefix, e.batches[0].Prefix) {
			t.Errorf("prefix has %d tokens, or is another one's", len(b.Prefix))
		}
		for _, row := range b.Rows {
			rows = append(rows, r.prompter.tok.Decode(append(slices.Clone(b.Prefix), row.Prompt...), false))
		}
	}
	for i, at := range []int{1, 2, 0} { // by length
		ids, _, err := r.prompter.Fit(findings[at], r.limit)
		if err != nil {
			t.Fatal(err)
		}
		if want := r.prompter.tok.Decode(ids, false); rows[i] != want {
			t.Errorf("row %d is %q, want %q", i, rows[i], want)
		}
	}
	for i, v := range verdicts {
		if v.ID != findings[i].ID || v.Verdict != finding.TruePositive || v.Model != "fake" || v.Prompt != prompts.Plain().Version(findings[i]) {
			t.Errorf("verdict %d is %+v", i, v)
		}
	}
}

func TestReviewFinishesTheOtherRows(t *testing.T) {
	e := &fakeEngine{p: 0.1}
	r := fakeReviewer(t, e, Options{})
	word, err := r.prompter.Encode("", "☢")
	if err != nil {
		t.Fatal(err)
	}
	plain, err := r.prompter.Encode("", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range word {
		if !slices.Contains(plain, id) {
			e.bad = id
		}
	}
	bad := code("bad", 1)
	bad.Snippet += " ☢"
	verdicts := reviewAll(t, r, []*finding.Finding{code("a", 1), bad, code("c", 1)})
	if !strings.Contains(verdicts[1].Error, "breaks the model") || verdicts[1].Judged() {
		t.Errorf("the bad row's verdict is %+v", verdicts[1])
	}
	for _, i := range []int{0, 2} {
		if verdicts[i].Verdict != finding.FalsePositive {
			t.Errorf("verdict %d is %+v", i, verdicts[i])
		}
	}
}

func TestReviewTellsWhatDoesNotFit(t *testing.T) {
	e := &fakeEngine{p: 0.9, bad: -1}
	long := code("long", 1)
	long.Tool, long.Rule, long.Title = strings.Repeat("a b ", 100), strings.Repeat("c d ", 100), strings.Repeat("e f ", 100)
	r := fakeReviewer(t, e, Options{MaxPrompt: 400})
	verdicts := reviewAll(t, r, []*finding.Finding{code("short", 1), long, code("cut", 4000)})
	if !verdicts[0].Judged() || !verdicts[2].Judged() {
		t.Errorf("verdicts are %+v", verdicts)
	}
	if !strings.Contains(verdicts[1].Error, "400 are allowed") {
		t.Errorf("error is %q", verdicts[1].Error)
	}
	if !strings.Contains(verdicts[2].Note, "cut to fit: code") {
		t.Errorf("note is %q", verdicts[2].Note)
	}
}

func TestReviewStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	e := &fakeEngine{p: 0.9, bad: -1, before: func(call int) {
		if call == 1 {
			cancel()
		}
	}}
	r := fakeReviewer(t, e, Options{Batch: 1})
	done := 0
	err := r.Review(ctx, []*finding.Finding{code("a", 1), code("b", 1), code("c", 1)}, func(batch []Outcome) error {
		done += len(batch)
		return nil
	})
	// The fake ignores ctx, as a running program does: its batch counts.
	if !errors.Is(err, context.Canceled) || done < 1 || done > 2 {
		t.Errorf("error %v after %d verdicts", err, done)
	}
	full := errors.New("disk full")
	err = fakeReviewer(t, &fakeEngine{p: 1, bad: -1}, Options{}).Review(context.Background(), []*finding.Finding{code("a", 1)},
		func([]Outcome) error { return full })
	if !errors.Is(err, full) {
		t.Errorf("error is %v", err)
	}
}

func TestReviewRefusesNaN(t *testing.T) {
	r := fakeReviewer(t, &fakeEngine{p: math.NaN(), bad: -1}, Options{})
	v := reviewAll(t, r, []*finding.Finding{code("a", 1)})[0]
	if v.Judged() || !strings.Contains(v.Error, "NaN") {
		t.Errorf("verdict is %+v", v)
	}
}

func TestLabel(t *testing.T) {
	for _, test := range []struct {
		p, threshold, margin float64
		want                 finding.Label
	}{
		{0.5, 0.5, 0, finding.TruePositive},
		{0.4999, 0.5, 0, finding.FalsePositive},
		{0.5, 0.5, 0.05, finding.Uncertain},
		{0.46, 0.5, 0.05, finding.Uncertain},
		{0.44, 0.5, 0.05, finding.FalsePositive},
		{0.56, 0.5, 0.05, finding.TruePositive},
		{0.08, 0.1, 0.05, finding.FalsePositive}, // the band is 0.09 to 0.11
		{0.095, 0.1, 0.05, finding.Uncertain},
		{0, 0, 0.05, finding.TruePositive}, // no band at the ends
		{1, 1, 0.05, finding.TruePositive},
		{0.999, 1, 0.05, finding.FalsePositive},
	} {
		if got := label(test.p, test.threshold, test.margin); got != test.want {
			t.Errorf("label(%v, %v, %v) = %s, want %s", test.p, test.threshold, test.margin, got, test.want)
		}
	}
}

func TestOptionsValidate(t *testing.T) {
	bad := func(v float64) *float64 { return &v }
	for name, o := range map[string]Options{
		"min tokens":  {Sampling: model.Sampling{MinTokens: 5, MaxTokens: 4}},
		"temperature": {Sampling: model.Sampling{Temperature: math.NaN()}},
		"top-k":       {Sampling: model.Sampling{TopK: -1}},
		"top-p":       {Sampling: model.Sampling{TopP: 1.5}},
		"batch":       {Batch: -1},
		"prompt":      {MaxPrompt: -1},
		"threshold":   {Threshold: bad(1.5)},
		"margin":      {Margin: 0.6},
		"sure":        {Sure: 0.4},
	} {
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	r := &Reviewer{prompter: testPrompter(t, nil)}
	if err := r.set(Options{Sampling: model.Sampling{MaxTokens: testContext}}, 0.5, testContext); err == nil || !strings.Contains(err.Error(), "no room") {
		t.Errorf("as many new tokens as the context has: %v", err)
	}
}

// The whole way with a real, if tiny, model.
func TestReviewWithAModel(t *testing.T) {
	findings := []*finding.Finding{code("a", 1), code("b", 8), code("c", 3), code("d", 0)}
	o := Options{Sampling: model.Sampling{MaxTokens: 6, Temperature: 1, Seed: 7}, Margin: DefaultMargin}
	review := func(t *testing.T, heads, adapters int, o Options) []finding.Verdict {
		r, err := New(openModel(t, heads, adapters), o)
		if err != nil {
			t.Fatal(err)
		}
		verdicts := reviewAll(t, r, findings)
		for i := range verdicts {
			if !verdicts[i].Judged() {
				t.Errorf("verdict %d is %+v", i, verdicts[i])
			}
			verdicts[i].Seconds = 0
		}
		return verdicts
	}
	generative := review(t, 0, 0, o)
	t.Run("the batch does not matter", func(t *testing.T) {
		o := o
		o.Batch = 1
		for i, v := range review(t, 0, 0, o) {
			if v.Reasoning != generative[i].Reasoning || math.Abs(v.P-generative[i].P) > 1e-4 {
				t.Errorf("%s alone: %q (%v), in a batch: %q (%v)", v.ID, v.Reasoning, v.P, generative[i].Reasoning, generative[i].P)
			}
		}
	})
	t.Run("another seed gives another text", func(t *testing.T) {
		o := o
		o.Sampling.Seed++
		if v := review(t, 0, 0, o); v[0].Reasoning == generative[0].Reasoning && v[1].Reasoning == generative[1].Reasoning {
			t.Errorf("both say %q", v[0].Reasoning)
		}
	})
	t.Run("a generative trajectory ends at p", func(t *testing.T) {
		o := o
		o.Trajectory = true
		for i, v := range review(t, 0, 0, o) {
			if len(v.Trajectory) != v.Tokens+1 || math.Abs(v.Trajectory[v.Tokens]-v.P) > 1e-6 || math.Abs(v.P-generative[i].P) > 1e-4 {
				t.Errorf("%d tokens, p %v (%v without), trajectory %v", v.Tokens, v.P, generative[i].P, v.Trajectory)
			}
			if len(v.Pieces) != v.Tokens || strings.TrimSpace(strings.Join(v.Pieces, "")) != v.Reasoning {
				t.Errorf("the pieces %q are not the analysis %q", v.Pieces, v.Reasoning)
			}
		}
	})
	t.Run("heads", func(t *testing.T) {
		o := o
		o.Trajectory = true
		for _, v := range review(t, 2, 0, o) {
			if v.Head != "head0" || len(v.Heads) != 2 || v.Heads[0].P != v.P || v.Heads[1].Head != "head1" ||
				len(v.Heads[1].Trajectory) != v.Tokens+1 || v.Trajectory[v.Tokens] != v.P {
				t.Errorf("verdict is %+v", v)
			}
		}
	})
	t.Run("adapters by category", func(t *testing.T) {
		findings[2].Category = "http"
		defer func() { findings[2].Category = "code" }()
		o := o
		o.Categories = map[string]int{"http": 1}
		for i, v := range review(t, 0, 2, o) {
			want := "adapter0"
			if i == 2 {
				want = "adapter1"
			}
			if v.Adapter != want || v.P == generative[i].P {
				t.Errorf("verdict %d is of %s with p %v, the base's was %v", i, v.Adapter, v.P, generative[i].P)
			}
		}
	})
}

func TestSplitAdapters(t *testing.T) {
	dirs, categories, err := SplitAdapters([]string{"base", "HTTP=web", "=odd", t.TempDir()})
	if err != nil || len(dirs) != 4 || dirs[1] != "web" || dirs[2] != "=odd" || len(categories) != 1 || categories["http"] != 1 {
		t.Errorf("folders %v, categories %v", dirs, categories)
	}
}

func TestGenerate(t *testing.T) {
	m := openModel(t, 0, 0)
	sampling := model.Sampling{MaxTokens: 5, MinTokens: 5}
	chat, err := Generate(context.Background(), m, Question{User: "hello"}, GenerateOptions{Sampling: sampling})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := Generate(context.Background(), m, Question{User: "hello", Raw: true}, GenerateOptions{Sampling: sampling})
	if err != nil {
		t.Fatal(err)
	}
	if chat == "" || raw == "" || chat == raw {
		t.Errorf("in the chat format %q, raw %q", chat, raw)
	}
	told := ""
	watched, err := Generate(context.Background(), m, Question{User: "hello"}, GenerateOptions{
		Sampling: sampling, Write: func(text string) error { told += text; return nil },
	})
	if err != nil || watched != chat || told != chat {
		t.Errorf("watched %q, told %q, expected %q: %v", watched, told, chat, err)
	}
	middle := chat[len(chat)/2 : len(chat)/2+2]
	stopped, err := Generate(context.Background(), m, Question{User: "hello"}, GenerateOptions{Sampling: sampling, Stop: []string{"never", middle}})
	if want, _, _ := strings.Cut(chat, middle); err != nil || stopped != want {
		t.Errorf("stopped at %q: %q, expected %q: %v", middle, stopped, want, err)
	}
	broken := errors.New("broken pipe")
	_, err = Generate(context.Background(), m, Question{User: "hello"}, GenerateOptions{Sampling: sampling, Write: func(string) error { return broken }})
	if !errors.Is(err, broken) {
		t.Errorf("a writer that fails: %v", err)
	}
	off := false
	_, err = Generate(context.Background(), m, Question{User: "hello", Thinking: &off}, GenerateOptions{Sampling: sampling})
	if err == nil || !strings.Contains(err.Error(), "enable_thinking") {
		t.Errorf("thinking of a model without that switch: %v", err)
	}
	_, err = Generate(context.Background(), m, Question{User: strings.Repeat("long ", testContext)}, GenerateOptions{Sampling: sampling})
	if err == nil || !strings.Contains(err.Error(), "--context-length") {
		t.Errorf("a prompt longer than the context: %v", err)
	}
}

func TestAdapterOf(t *testing.T) {
	if _, _, err := SplitAdapters([]string{"XSS=a", "xss=b"}); err == nil || !strings.Contains(err.Error(), "xss has a") {
		t.Errorf("a category with two adapters: %v", err)
	}
	_, categories, err := SplitAdapters([]string{"base", "HTTP_HEADERS=h", "xss=x", "Code=c"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		f    finding.Finding
		want int
	}{
		{finding.Finding{Category: "http_headers"}, 1},
		{finding.Finding{Category: "XSS"}, 2},
		{finding.Finding{Category: "code", CWE: "CWE-79"}, 3}, // what the report says comes first
		{finding.Finding{Category: "http", CWE: "CWE-79"}, 2},
		{finding.Finding{Category: "http", CWE: "CWE-89"}, 0},
		{finding.Finding{}, 0},
	} {
		if got := adapterOf(&test.f, categories); got != test.want {
			t.Errorf("%+v: adapter %d, want %d", test.f, got, test.want)
		}
	}
}

// Whatever the pieces, what a stopper gives out is the text up to the first stop text.
func TestStopper(t *testing.T) {
	for _, test := range []struct {
		text  string
		stops []string
		want  string
	}{
		{"one two three", nil, "one two three"},
		{"one two three", []string{"two"}, "one "},
		{"one two three", []string{"three", "wo"}, "one t"},
		{"aab", []string{"aab"}, ""},
		{"aaab", []string{"aab"}, "a"},
		{"ends with st", []string{"stop"}, "ends with st"},
		{"ein Stöpsel", []string{"ö"}, "ein St"},
	} {
		for size := 1; size <= len(test.text); size++ {
			s, got, found := stopper{stops: test.stops}, "", false
			for piece := range slices.Chunk([]byte(test.text), size) {
				var out string
				if out, found = s.add(string(piece)); found {
					got += out
					break
				}
				got += out
			}
			if !found {
				got += s.held
			}
			if got != test.want {
				t.Errorf("%q in pieces of %d, stopped by %q: %q, expected %q", test.text, size, test.stops, got, test.want)
			}
		}
	}
}
