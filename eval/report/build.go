package report

import (
	"errors"
	"fmt"
	"strings"

	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/finding"
)

// Options say what a report has.
type Options struct {
	Title     string // empty: "Janus: " and the results' names
	Resamples int    // of the bootstrap; 0 is 2000
	Seed      uint64 // of the bootstrap
	Findings  int    // most findings shown of each benchmark; 0 is all
	Points    int    // most grid points shown of each ablation; 0 is all
	// NoTimes leaves out times, memory and what follows from them: what is left is the same for two runs of a study.
	NoTimes bool
	Prices  Prices
	// Progress is told of each section that is done; it may be nil.
	Progress func(done, total int)
}

// Check reports the first option that is out of range.
func (o *Options) Check() error {
	switch {
	case o.Resamples < 0:
		return fmt.Errorf("resamples: expected 0 (2000) or more, found %d", o.Resamples)
	case o.Findings < 0:
		return fmt.Errorf("findings: expected 0 (all) or more, found %d", o.Findings)
	case o.Points < 0:
		return fmt.Errorf("points: expected 0 (all) or more, found %d", o.Points)
	}
	return o.Prices.check()
}

// builder makes a document's sections.
type builder struct {
	Options
	sampling
	doc  *Document
	used map[string]bool // IDs of sections, tables and charts
}

// step makes sections of one result.
type step func(b *builder) []Section

// Document puts a study into sections.
func (s *Study) Document(o Options) (*Document, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	if len(s.Benches)+len(s.Ablations) == 0 {
		return nil, errors.New("a report needs a benchmark or an ablation")
	}
	b := &builder{Options: o, sampling: sampling{o.Resamples, o.Seed}, used: map[string]bool{}}
	b.doc = &Document{Title: o.Title, Lead: s.lead()}
	if b.doc.Title == "" {
		b.doc.Title = "Janus: " + strings.Join(s.names(), ", ")
	}
	b.doc.Title = finding.Clean(b.doc.Title)
	steps := s.steps()
	for i, step := range steps {
		for _, section := range step(b) {
			b.add(section)
		}
		if o.Progress != nil {
			o.Progress(i+1, len(steps))
		}
	}
	return b.doc, nil
}

// steps are the report's parts in their order.
func (s *Study) steps() (steps []step) {
	for _, bench := range s.Benches {
		for _, part := range []func(*builder, *Bench) []Section{
			(*builder).comparison, (*builder).bySource, (*builder).differences, (*builder).lengths, (*builder).quality, (*builder).training, (*builder).costs,
		} {
			steps = append(steps, func(b *builder) []Section { return titled(s, bench.Name, bench.Dir, part(b, bench)) })
		}
	}
	for _, a := range s.Ablations {
		steps = append(steps, func(b *builder) []Section { return titled(s, a.Name, a.Dir, b.ablation(a)) })
	}
	for _, bench := range s.Benches {
		steps = append(steps, func(b *builder) []Section { return titled(s, bench.Name, bench.Dir, b.findings(bench)) })
	}
	return append(steps, func(b *builder) []Section { return b.origin(s) })
}

// titled puts the result's name before a section's title where there are several results.
func titled(s *Study, name, dir string, sections []Section) []Section {
	if len(s.Benches)+len(s.Ablations) > 1 {
		for i := range sections {
			sections[i].Title = nameOf(name, dir) + ": " + sections[i].Title
		}
	}
	return sections
}

// add takes a section in, where it has something to say, and makes IDs that are the document's only ones.
func (b *builder) add(s Section) {
	if len(s.Blocks) == 0 {
		return
	}
	s.ID = b.unique(s.Title)
	for _, block := range s.Blocks {
		if block.Table != nil {
			block.Table.ID = b.unique(s.ID + " " + block.Table.ID)
		}
		if block.Chart != nil {
			block.Chart.ID = b.unique(s.ID + " " + block.Chart.ID)
		}
	}
	b.doc.Sections = append(b.doc.Sections, s)
}

func (b *builder) unique(text string) string {
	id := slug(text)
	for n := 2; id == "" || b.used[id]; n++ {
		id = fmt.Sprintf("%s-%d", slug(text), n)
	}
	b.used[id] = true
	return id
}

func nameOf(name, dir string) string {
	if name == "" {
		name = base(dir)
	}
	return finding.Clean(name)
}

func (s *Study) names() (names []string) {
	for _, b := range s.Benches {
		names = append(names, nameOf(b.Name, b.Dir))
	}
	for _, a := range s.Ablations {
		names = append(names, nameOf(a.Name, a.Dir))
	}
	return names
}

// lead is the line below the title.
func (s *Study) lead() string {
	var parts []string
	for _, b := range s.Benches {
		ids := map[string]bool{}
		failed := 0
		for _, v := range b.variants {
			for _, c := range append(append([]*results.Case(nil), v.cases...), v.failed...) {
				ids[caseKey(c)] = true
			}
			failed += len(v.failed)
		}
		text := fmt.Sprintf("benchmark %s: %s variants on %s findings", nameOf(b.Name, b.Dir), finding.Thousands(len(b.variants)), finding.Thousands(len(ids)))
		if b.Folds > 1 {
			text += fmt.Sprintf(" in %d folds", b.Folds)
		}
		if failed > 0 {
			text += fmt.Sprintf(", %s cases without a verdict", finding.Thousands(failed))
		}
		parts = append(parts, text)
	}
	for _, a := range s.Ablations {
		parts = append(parts, fmt.Sprintf("ablation %s: %s points", nameOf(a.Name, a.Dir), finding.Thousands(len(a.points))))
	}
	text := strings.Join(parts, "; ")
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// caseKey tells findings of a benchmark apart.
func caseKey(c *results.Case) string { return fmt.Sprintf("%d\x00%s\x00%s", c.Fold, c.Source, c.ID) }

// parts are the values and the ends of intervals, as figures take them.
func parts(list []interval) (value, low, high []float64) {
	for _, i := range list {
		value, low, high = append(value, float64(i.Value)), append(low, float64(i.Low)), append(high, float64(i.High))
	}
	return value, low, high
}
