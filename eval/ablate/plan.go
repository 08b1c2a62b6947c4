package ablate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/prompts"
	"github.com/januslm/janus/train/states"
)

// maths is part of every hash. It changes when Janus computes other results from the same settings.
const maths = 1

// Study is a grid with all that its points follow from: what is to be computed, and where it goes.
type Study struct {
	Grid *Grid
	Rows *Rows
	Dir  string // of the results

	bases   map[string]*base        // by the grid's values
	prompts map[string]*prompts.Set // by variant
	recipes recipes
	points  []*point
	units   []*unit
}

// point is one combination of the grid's values.
type point struct {
	setting
	hash   string
	values map[string]string // by axis
}

// pass is a reading of all findings, and the points that are taken from it.
type pass struct {
	setting
	points []*point
}

// unit is what one worker computes: a pass, or all passes of a tuned model, so that nothing is computed by two workers.
type unit struct {
	tuning setting
	passes []*pass
}

// New finds the bases, divides the rows and lists the points. Nothing is computed. All that is wrong with the grid is in the error.
func New(ctx context.Context, g *Grid, source Source, rows *Rows, dir string) (*Study, error) {
	s := &Study{Grid: g, Rows: rows, Dir: dir, bases: map[string]*base{}, prompts: map[string]*prompts.Set{}}
	if err := rows.divide(g); err != nil {
		return nil, err
	}
	c := &checker{Grid: g, source: source}
	for i, name := range g.Model {
		b, err := openBase(ctx, name)
		if err != nil {
			c.fail(entry("model", i), "%v", err)
			continue
		}
		for _, other := range g.Model[:i] {
			switch o := s.bases[other]; {
			case o == nil:
			case o.identity == b.identity:
				c.fail(entry("model", i), "%s is the same model as %s", name, other)
			case o.name == b.name:
				b.name = name // by its whole path
			}
		}
		s.bases[name] = b
		b.check(c)
	}
	for i, text := range g.Samples {
		if n, learn := number(text), len(rows.on(trainSide)); n > learn {
			c.fail(entry("samples", i), "there are %d rows to train on, found %d, did you mean %s?", learn, n, allSamples)
		}
	}
	for i, variant := range g.Prompt {
		set, err := prompts.Open(variant, g.Prompts)
		if err != nil {
			c.fail(entry("prompt", i), "%v", err)
		}
		s.prompts[variant] = set
	}
	s.loadRecipes(c)
	if len(c.errs) > 0 {
		return nil, errors.Join(c.errs...)
	}
	return s, s.enumerate()
}

// enumerate lists the points, once each, and puts them into passes and units.
func (s *Study) enumerate() error {
	known := map[setting]bool{}
	passes := map[setting]*pass{}
	tuned := map[setting]*unit{}
	axes := s.Grid.axes()
	for _, at := range s.Grid.settings() {
		b := s.bases[at.Model]
		if !b.fits(at.Pooling) {
			continue
		}
		at.settle(b)
		if known[at] {
			continue
		}
		known[at] = true
		p := &point{setting: at, values: map[string]string{}}
		for _, a := range axes {
			if text := a.text(&at, b.encoder); text != "" {
				p.values[a.name] = text
			}
		}
		p.values["model"] = b.name
		var err error
		if p.hash, err = s.hash(at); err != nil {
			return err
		}
		s.points = append(s.points, p)
		key := at.pass()
		if passes[key] == nil {
			passes[key] = &pass{setting: key}
			u := tuned[at.tuning()]
			if u == nil || at.Approach == approachNone {
				u = &unit{tuning: at.tuning()}
				tuned[at.tuning()] = u
				s.units = append(s.units, u)
			}
			u.passes = append(u.passes, passes[key])
		}
		passes[key].points = append(passes[key].points, p)
	}
	return nil
}

// settle takes away what makes no difference.
func (s *setting) settle(b *base) {
	if !s.adapted() {
		s.Rank, s.Targets = 0, ""
	}
	if b.encoder { // it writes nothing
		s.Temperature, s.Min, s.Max, s.Length = 0, 0, 0, 0
	}
	if s.Hidden == noHidden {
		s.Activation = ""
	}
}

// hash is the SHA-256 of all that a point follows from. What computes it is not among that: a grid may be divided between machines.
func (s *Study) hash(at setting) (string, error) {
	g := *s.Grid
	// What stands in the setting or in the hash of the rows, or changes nothing.
	g.Name, g.DB, g.States, g.Prompts, g.LoRA, g.Joint, g.Full = "", "", "", "", "", "", ""
	g.Data, g.Rows, g.OwnSplit, g.Test, g.Dev, g.Resamples = nil, 0, false, 0, 0, 0
	g.Model, g.Approach, g.Rank, g.TargetModules, g.Samples, g.Prompt, g.Temperature = nil, nil, nil, nil, nil, nil, nil
	g.MinTokens, g.MaxTokens, g.Length, g.Pooling, g.Layer, g.Hidden, g.Activation, g.Seed = nil, nil, nil, nil, nil, nil, nil, nil
	if at.Temperature == 0 { // as one token only is taken
		g.TopP, g.GenerationSeed = 0, 0
	}
	b := s.bases[at.Model]
	point := at
	at.Model = ""
	data, err := json.Marshal(struct {
		Maths        int
		Rows, Base   string
		Prompt       []prompts.Part
		Setting      setting
		Grid         Grid
		StatesFormat int
		Recipe       any `json:",omitempty"`
	}{maths, s.Rows.sha256, b.identity, promptParts(s.prompts[at.Prompt]), at, g, states.KeyFormat, s.recipe(point)})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

// promptParts are a set's parts without where they were read.
func promptParts(set *prompts.Set) (list []prompts.Part) {
	for _, p := range set.Parts() {
		p.From = ""
		list = append(list, p)
	}
	return list
}

// axesOf are the axes as results have them: those with several values first.
func (s *Study) axesOf() (list []results.Axis) {
	var single []results.Axis
	for _, a := range s.Grid.axes() {
		axis := results.Axis{Name: a.name}
		for _, p := range s.points {
			if v, ok := p.values[a.name]; ok && !slices.Contains(axis.Values, v) {
				axis.Values = append(axis.Values, v)
			}
		}
		switch {
		case len(axis.Values) > 1:
			list = append(list, axis)
		case len(axis.Values) == 1:
			single = append(single, axis)
		}
	}
	return append(list, single...)
}

// describe says what a pass is of, as far as the grid has others.
func (s *Study) describe(at setting) string {
	b := s.bases[at.Model]
	parts := []string{b.name}
	if at.Approach != approachNone {
		parts = append(parts, at.Approach)
	}
	for _, a := range s.Grid.axes() {
		if text := a.text(&at, b.encoder); len(a.values) > 1 && text != "" && slices.Contains([]string{"rank", "target_modules", "prompt", "temperature", "min_tokens", "max_tokens"}, a.name) {
			parts = append(parts, strings.ReplaceAll(a.name, "_", " ")+" "+text)
		}
	}
	if at.Approach != approachNone && len(s.Grid.Seed) > 1 {
		parts = append(parts, fmt.Sprintf("seed %d", at.Seed))
	}
	if at.Approach != approachNone && len(s.Grid.Samples) > 1 {
		parts = append(parts, samplesText(&at)+" samples")
	}
	return strings.Join(parts, ", ")
}

// statesDir is the folder of the states.
func (s *Study) statesDir() string {
	if s.Grid.States != "" {
		return s.Grid.States
	}
	return filepath.Join(s.Dir, "states")
}

// inputs are the states that points read, each once.
func inputs(points []*point) (list []states.Input) {
	for _, p := range points {
		if in := p.input(); !slices.Contains(list, in) {
			list = append(list, in)
		}
	}
	return list
}

// input is the state that a point's head reads.
func (p *point) input() states.Input {
	layer := classifier.LastLayer
	if p.Layer != classifier.LastLayer.String() {
		layer = classifier.Layer(number(p.Layer))
	}
	return states.Input{Feature: classifier.Feature{Layer: layer, Pooling: classifier.Pooling(p.Pooling)}, Length: p.Length}
}

// features are the pooled states that points read, each once.
func features(points []*point) (list []classifier.Feature) {
	for _, p := range points {
		if f := p.input().Feature; !slices.Contains(list, f) {
			list = append(list, f)
		}
	}
	return list
}
