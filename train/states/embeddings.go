package states

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/prompts"
)

// Embedder is what makes embeddings, and how.
type Embedder struct {
	*model.Embedder
	Pooling classifier.Pooling
}

// Feature is under which [Load] finds its embeddings.
func (e *Embedder) Feature() classifier.Feature {
	return classifier.Feature{Layer: classifier.LastLayer, Pooling: e.Pooling}
}

// embedding is one under way.
type embedding struct {
	embedder *Embedder
	dir      string
	findings []finding.Finding
	options  Options
	inputs   []string // texts of the findings
	analyses [][]string
	tokens   []int // of the analyses
	there    map[place]bool
	result   *Harvested
}

// embedRows is how many findings make a part.
const embedRows = 32

// HarvestEmbeddings makes sure that a folder has, of all findings, the embeddings that heads of Proposal 2 read: of the finding's
// text as a prompt has it, and behind it of the analysis's first tokens, as many as o.Lengths has. m writes the analyses, or only
// decodes what o.Given has; where the one length is 0, it does neither. Analyses that a harvest with o.Features has kept are not
// written again; o.Analyses does not matter. Known and
// Computed count findings whose embeddings were there or not.
func HarvestEmbeddings(ctx context.Context, m *model.Model, e *Embedder, dir string, findings []finding.Finding, o Options) (*Harvested, error) {
	o.Analyses = o.Given == nil
	if m.IsEncoder() {
		return nil, fmt.Errorf("embeddings: %s writes no analyses: give a model that does, and the encoder as the embedder", m.Dir())
	}
	if len(o.Lengths) == 0 {
		return nil, errors.New("embeddings: no length is asked for")
	}
	if err := o.check(m, len(findings)); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	h := &embedding{embedder: e, dir: dir, findings: findings, options: o}
	written, err := h.write(ctx, m)
	if err != nil {
		return h.result, err
	}
	if err := h.prepare(m, written); err != nil {
		return nil, err
	}
	if h.there, err = places(dir); err != nil {
		return nil, err
	}
	return h.result, h.run(ctx)
}

// write gets the analyses' tokens.
func (h *embedding) write(ctx context.Context, m *model.Model) (tokens [][]int32, err error) {
	tokens = make([][]int32, len(h.findings))
	h.result = &Harvested{Keys: make([]string, len(h.findings)), Errors: make([]error, len(h.findings))}
	switch {
	case slices.Max(h.options.Lengths) == 0:
		return tokens, nil
	case h.options.Given != nil:
		for i, given := range h.options.Given {
			if len(given) == 0 {
				h.result.Errors[i] = errNoAnalysis
			}
			if len(given) > h.options.Sampling.MaxTokens {
				h.result.Long++
			}
			tokens[i] = given[:min(len(given), h.options.Sampling.MaxTokens)]
		}
		return tokens, nil
	}
	o := h.options
	o.Lengths = nil
	own, err := Harvest(ctx, m, h.dir, h.findings, o)
	if err != nil {
		return nil, err
	}
	h.result.Cut, h.result.Limit, h.result.Errors = own.Cut, own.Limit, own.Errors
	rows := map[string][]int{}
	for i, key := range own.Analyses {
		rows[key] = append(rows[key], i)
	}
	for a, err := range Analyses[Told](h.dir) {
		if err != nil {
			return nil, err
		}
		for _, i := range rows[a.Key] {
			tokens[i] = a.Tokens
		}
	}
	return tokens, nil
}

// prepare makes the texts and keys of the findings that have their analyses.
func (h *embedding) prepare(m *model.Model, tokens [][]int32) error {
	set := h.options.Prompts
	if set == nil {
		set = prompts.Plain()
	}
	setup, err := json.Marshal([]any{KeyFormat, classifier.ReadsEmbeddings, h.embedder.SHA256, h.embedder.WeightType(), h.embedder.Pooling, h.options.MaxPrompt})
	if err != nil {
		return err
	}
	h.inputs, h.analyses, h.tokens = make([]string, len(h.findings)), make([][]string, len(h.findings)), make([]int, len(h.findings))
	for i := range h.findings {
		if h.result.Errors[i] != nil {
			continue
		}
		if h.inputs[i], _, h.result.Errors[i] = set.Prompt(&h.findings[i], 0); h.result.Errors[i] != nil {
			continue
		}
		h.tokens[i] = len(tokens[i])
		for _, k := range h.options.Lengths {
			h.analyses[i] = append(h.analyses[i], m.Text(tokens[i][:min(k, len(tokens[i]))]))
		}
		h.result.Keys[i] = hashOf(fmt.Sprintf("%s %q %v", setup, h.inputs[i], tokens[i]))
	}
	return nil
}

func (h *embedding) place(i, k int) place {
	return place{h.result.Keys[i], FeatureName(h.embedder.Feature()), int32(h.options.Lengths[k])}
}

// run embeds what is not there.
func (h *embedding) run(ctx context.Context) error {
	var todo []int
	taken := map[string]bool{}
	for i, key := range h.result.Keys {
		lacks := false
		for k := range h.options.Lengths {
			lacks = lacks || !h.there[h.place(i, k)]
		}
		switch {
		case key == "":
		case !lacks || taken[key]:
			h.result.Known++
		default:
			taken[key] = true
			todo = append(todo, i)
		}
	}
	for rows := range slices.Chunk(todo, embedRows) {
		if h.options.Progress != nil {
			h.options.Progress(h.result.Known+h.result.Computed, len(h.findings))
		}
		if err := h.batch(ctx, rows); err != nil {
			return err
		}
	}
	return nil
}

// batch embeds findings together; where that fails one by one, so that only those fail that must.
func (h *embedding) batch(ctx context.Context, rows []int) error {
	err := h.embed(ctx, rows)
	switch {
	case err == nil || ctx.Err() != nil:
		return errors.Join(err, ctx.Err())
	case len(rows) == 1:
		h.result.fail(h.result.Keys[rows[0]], err)
		return nil
	}
	for _, i := range rows {
		if err := h.batch(ctx, []int{i}); err != nil {
			return err
		}
	}
	return nil
}

func (h *embedding) embed(ctx context.Context, rows []int) error {
	var inputs, analyses []string
	for _, i := range rows {
		for k := range h.options.Lengths {
			inputs, analyses = append(inputs, h.inputs[i]), append(analyses, h.analyses[i][k])
		}
	}
	pairs, err := h.embedder.Pair(ctx, inputs, analyses, h.options.MaxPrompt)
	if err != nil {
		return err
	}
	var out []Row
	for n, i := range rows {
		f := &h.findings[i]
		for k := range h.options.Lengths {
			at := h.place(i, k)
			if h.there[at] {
				continue
			}
			out = append(out, Row{
				Key: at.Key, ID: f.ID, Source: f.Source, Label: f.Label, Group: f.Group, Split: f.Split,
				Feature: at.Feature, Length: at.Length, Tokens: int32(h.tokens[i]), State: pairs[n*len(h.options.Lengths)+k],
			})
		}
	}
	if err := writeRows(h.dir, out); err != nil {
		return fmt.Errorf("writing embeddings: %w", err)
	}
	h.result.Computed += len(rows)
	return nil
}
