package agents

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/dataset/generate"
	"github.com/januslm/janus/internal/llm"
)

// Options make a Generator.
type Options struct {
	Client      *llm.Client
	Prompts     *Prompts
	Category    string // one of dataset.Categories
	Templates   []generate.Template
	Instruction string // a wish of the user, given to the agents as data
	NoFP        bool   // only the exchange with the flaw, without its clone
	Seed        uint64
	Run         string // under which calls are on the account

	Tries      int // answers of an agent before its pair is given up; 0 is 4
	Rejections int // of the quality checker before its pair is given up; 0 is 3
}

// Generator makes pairs. Its methods may be called from several goroutines.
type Generator struct{ o Options }

// New checks the options.
func New(o Options) (*Generator, error) {
	switch {
	case o.Client == nil || o.Prompts == nil:
		return nil, errors.New("agents: a client and prompts are required")
	case len(o.Templates) == 0:
		return nil, errors.New("agents: there are no templates")
	case o.Prompts.flaws[o.Category] == nil:
		return nil, fmt.Errorf("category %q: expected one of %s", o.Category, strings.Join(dataset.Categories(), ", "))
	}
	if o.Tries <= 0 {
		o.Tries = 4
	}
	if o.Rejections <= 0 {
		o.Rejections = 3
	}
	return &Generator{o}, nil
}

// Pair makes the pair of an index: the exchange with the flaw and its clone without it, or the first alone with NoFP. round
// counts how often the pair was given up before, so that the next try is another one.
//
// The questions depend on the options, the index, the round and the answers so far, and on nothing else: a pair that was
// interrupted finds its answers on the client's ledger. Errors are a *GivenUpError or the client's.
func (g *Generator) Pair(ctx context.Context, pair, round int) ([]dataset.Example, error) {
	w := &work{g: g, pair: pair, round: round}
	template := g.template(pair)
	base, err := w.enhance(ctx, message{template.Request, template.Response})
	if err != nil {
		return nil, err
	}
	flawed, clone, err := w.build(ctx, base)
	if err != nil {
		return nil, err
	}
	rows := []dataset.Example{w.row(template, message{flawed.Request, flawed.Response}, true, flawed.Weakness)}
	if !g.o.NoFP {
		rows = append(rows, w.row(template, message{clone.Request, clone.Response}, false, clone.Change))
	}
	for i := range rows {
		if rows[i].Analysis, err = w.analyse(ctx, &rows[i]); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// template is the one of a pair: all of them are used once, in an order by the seed, before one is used again.
func (g *Generator) template(pair int) *generate.Template {
	n := len(g.o.Templates)
	random := rand.New(rand.NewPCG(hash(g.o.Seed, g.o.Category, pair/n, "order"), 1)) //nolint:gosec // not a secret
	return &g.o.Templates[random.Perm(n)[pair%n]]
}

// enhance makes a template an exchange of a real application.
func (w *work) enhance(ctx context.Context, template message) (message, error) {
	base := template
	var request requestAnswer
	err := w.ask(ctx, requestEnhancer, map[string]any{
		"request": template.Request, "variation": w.hash(fmt.Sprint("variation ", w.round)) % 1000,
	}, &request, func() (err error) {
		if base.Request, err = fixRequest(request.Request); err != nil {
			return err
		}
		return base.hint(template)
	})
	if err != nil {
		return base, err
	}
	var response responseAnswer
	err = w.ask(ctx, responseEnhancer, map[string]any{"request": base.Request, "response": template.Response}, &response, func() (err error) {
		if base.Response, err = fixResponse(response.Response); err != nil {
			return err
		}
		return base.hint(template)
	})
	return base, err
}

// build puts a flaw in and takes it out again in the clone, until the quality checker accepts the two.
func (w *work) build(ctx context.Context, base message) (introducerAnswer, clonerAnswer, error) {
	flaws := w.g.o.Prompts.flaws[w.g.o.Category]
	flaw := flaws[w.hash(fmt.Sprint("flaw ", w.round))%uint64(len(flaws))]
	feedback := ""
	for w.try = range w.g.o.Rejections {
		flawed, err := w.introduce(ctx, base, flaw, feedback)
		if err != nil {
			return flawed, clonerAnswer{}, err
		}
		pair := map[string]any{"vulnerable": message{flawed.Request, flawed.Response}, "weakness": flawed.Weakness, "evidence": flawed.Evidence}
		var clone clonerAnswer
		if !w.g.o.NoFP {
			if clone, err = w.clone(ctx, flawed); err != nil {
				return flawed, clone, err
			}
			pair["clone"], pair["change"] = message{clone.Request, clone.Response}, clone.Change
		}
		var quality checkerAnswer
		if err := w.ask(ctx, checker, pair, &quality, func() error { return nil }); err != nil {
			return flawed, clone, err
		}
		if quality.Accept {
			return flawed, clone, nil
		}
		feedback = clip(quality.Reason, 1000)
	}
	return introducerAnswer{}, clonerAnswer{}, &GivenUpError{checker.name, fmt.Sprintf("it rejected the pair %d times, at last: %s", w.g.o.Rejections, clip(feedback, 200))}
}

func (w *work) introduce(ctx context.Context, base message, flaw, feedback string) (introducerAnswer, error) {
	in := map[string]any{"request": base.Request, "response": base.Response, "flaw": flaw}
	if feedback != "" {
		in["feedback"] = feedback
	}
	var out introducerAnswer
	err := w.ask(ctx, introducer, in, &out, func() error {
		m := message{out.Request, out.Response}
		if err := m.fix(); err != nil {
			return err
		}
		out.Request, out.Response = m.Request, m.Response
		if strings.TrimSpace(out.Weakness) == "" {
			return errors.New(`"weakness" is empty`)
		}
		if !m.has(out.Evidence) {
			return fmt.Errorf("the evidence %q is not a line of the request or the response", clip(out.Evidence, 200))
		}
		return m.hint(base)
	})
	return out, err
}

func (w *work) clone(ctx context.Context, of introducerAnswer) (clonerAnswer, error) {
	original := message{of.Request, of.Response}
	var out clonerAnswer
	err := w.ask(ctx, cloner, map[string]any{
		"request": of.Request, "response": of.Response, "weakness": of.Weakness, "evidence": of.Evidence,
	}, &out, func() error {
		m := message{out.Request, out.Response}
		if err := m.fix(); err != nil {
			return err
		}
		out.Request, out.Response = m.Request, m.Response
		if strings.TrimSpace(out.Change) == "" {
			return errors.New(`"change" is empty`)
		}
		if err := m.hint(original); err != nil {
			return err
		}
		return near(original, m)
	})
	return out, err
}

// Lengths of an analysis in bytes.
const (
	shortestAnalysis = 60
	longestAnalysis  = 4000
)

// analyse has the reasoning about a row written, for its truth.
func (w *work) analyse(ctx context.Context, row *dataset.Example) (string, error) {
	m := message{row.Request, row.Response}
	var out analystAnswer
	err := w.ask(ctx, analyst, map[string]any{
		"request": row.Request, "response": row.Response, "is_vulnerable": row.IsVulnerable, "explanation": row.Note,
	}, &out, func() error {
		out.Analysis = strings.TrimSpace(out.Analysis)
		switch n := len(out.Analysis); {
		case !m.has(out.Evidence):
			return fmt.Errorf("the evidence %q is not a line of the request or the response", clip(out.Evidence, 200))
		case !strings.Contains(out.Analysis, strings.TrimSpace(out.Evidence)):
			return errors.New("the analysis does not quote the evidence word for word")
		case n < shortestAnalysis || n > longestAnalysis:
			return fmt.Errorf("the analysis has %d bytes: expected %d to %d", n, shortestAnalysis, longestAnalysis)
		}
		return nil
	})
	return out.Analysis, err
}

func (w *work) row(t *generate.Template, m message, vulnerable bool, note string) dataset.Example {
	return dataset.Example{
		Request: m.Request, Response: m.Response, IsVulnerable: vulnerable, VulnCategory: w.g.o.Category,
		PairID: fmt.Sprintf("api-%.12s-%d", w.g.o.Run, w.pair), Group: strings.ToLower(w.g.o.Category) + "/" + t.Name, Source: "api:" + w.g.o.Client.Model(),
		Note: strings.TrimSpace(note), Prompt: "agents:" + w.g.o.Prompts.Version,
	}
}
