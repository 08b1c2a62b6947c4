package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/dataset/generate"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/prompts"
	"github.com/januslm/janus/review"
)

// Seeds of the generators: rows of one seed are in one file only.
const (
	seedVerdict = 1
	seedHeldout = 3
	seedAdapter = 4
	seedSecond  = 5
	seedThird   = 6
	seedFourth  = 7
)

// unseen are checks that are only in the held-out rows: they show what becomes of kinds of findings that no training had.
var unseen = []string{"JsFunction", "Base64Disclosure", "InPageBanner", "ReferrerPolicy", "UserControlledCookie", "HeartBleed"}

// share is a number from 0 to 99 that follows from a text alone.
func share(text string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(text)) // never fails
	return int(h.Sum32() % 100)
}

// validation tells whether rows of a group are validated on. Whole groups (rules, programs, templates) are on one side.
func validation(group string) bool { return share("validation "+group) < 12 }

// heldoutTemplate tells whether a template of the generator is kept for the held-out rows.
func heldoutTemplate(group string) bool { return share("heldout "+group) < 20 }

// taken tells whether a group of committed rows is learnt from. A quarter of those of the part train is not: they are held out beside the part dev.
func taken(group string) bool { return share("head "+group) >= 25 }

// learnt says what rows are made: pairs of the generators, which of the committed findings, and the longest prompt in bytes, since long
// ones cost too much time.
type learnt struct {
	seed         uint64
	passive, iac int
	exchange     map[string]int // by category
	committed    func(f *finding.Finding) bool
	longest      int
}

// ofEach counts the same number of pairs of every category.
func ofEach(pairs int) map[string]int {
	counts := map[string]int{}
	for _, category := range dataset.Categories() {
		counts[category] = pairs
	}
	return counts
}

// verdictRows are what the adapter's lower layers and a head learn the verdict from.
func verdictRows(ctx context.Context, text *prompts.Set) ([]row, error) {
	return learnt{
		seed: seedVerdict, passive: 1200, iac: 120, longest: 1200,
		exchange:  map[string]int{dataset.HTTPHeaders: 500, dataset.SQLI: 500, dataset.Info: 350, dataset.XSS: 350},
		committed: func(f *finding.Finding) bool { return taken(f.Group) && f.Source != sourceCheckov },
	}.rows(ctx, text)
}

// secondRows are what the adapter goes on with when it has seen all of verdictRows: more of the categories of exchanges that are
// hardest to judge.
func secondRows(ctx context.Context, text *prompts.Set) ([]row, error) {
	return learnt{
		seed: seedSecond, passive: 700, iac: 60, longest: 1400,
		exchange: map[string]int{dataset.HTTPHeaders: 650, dataset.SQLI: 550, dataset.Info: 250, dataset.XSS: 200},
		committed: func(f *finding.Finding) bool {
			return taken(f.Group) && (f.Source != sourceCheckov || share("second "+f.Group) < 50)
		},
	}.rows(ctx, text)
}

// thirdRows are what it goes on with after those: mostly passive checks, which the second pass had fewer of.
func thirdRows(ctx context.Context, text *prompts.Set) ([]row, error) {
	return learnt{
		seed: seedThird, passive: 1000, iac: 150, longest: 1200,
		exchange:  map[string]int{dataset.HTTPHeaders: 200, dataset.SQLI: 200, dataset.Info: 80, dataset.XSS: 80},
		committed: func(f *finding.Finding) bool { return taken(f.Group) && f.Source != sourceCheckov },
	}.rows(ctx, text)
}

// fourthRows are what it goes on with after those: a mixture of all, the larger part of it passive checks and the hard exchanges, and the
// Terraform findings that the second pass had not.
func fourthRows(ctx context.Context, text *prompts.Set) ([]row, error) {
	return learnt{
		seed: seedFourth, passive: 2300, iac: 300, longest: 1400,
		exchange: map[string]int{dataset.HTTPHeaders: 1000, dataset.SQLI: 850, dataset.Info: 280, dataset.XSS: 220},
		committed: func(f *finding.Finding) bool {
			return taken(f.Group) && (f.Source != sourceCheckov || share("second "+f.Group) >= 50)
		},
	}.rows(ctx, text)
}

// adapterRows are what the upper layers learn to write analyses from.
func adapterRows(ctx context.Context, text *prompts.Set) ([]row, error) {
	return learnt{
		seed: seedAdapter, passive: 170, exchange: ofEach(30), iac: 20, longest: 600,
		committed: func(f *finding.Finding) bool { return taken(f.Group) && share("analyses "+f.Group) < 15 },
	}.rows(ctx, text)
}

// rows makes them, with their split, pairs together.
func (l learnt) rows(ctx context.Context, text *prompts.Set) ([]row, error) {
	found, err := committed("train")
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(f finding.Finding) bool { return !l.committed(&f) })
	rows := withAnalyses(twins(found))
	passive, err := passiveRows(ctx, l.seed, l.passive, false)
	if err != nil {
		return nil, err
	}
	exchanges, err := exchangeRows(ctx, l.seed, l.exchange, false, func(f *finding.Finding) (bool, error) { return l.fits(text, f) })
	if err != nil {
		return nil, err
	}
	iac, err := iacRows(ctx, l.seed, l.iac)
	if err != nil {
		return nil, err
	}
	var kept []row
	for _, r := range slices.Concat(rows, passive, exchanges, iac) {
		ok, err := l.fits(text, &r.Finding)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		r.Split = dataset.Train
		if validation(r.Group) {
			r.Split = dataset.Dev
		}
		kept = append(kept, r)
	}
	return kept, nil
}

// fits tells whether a finding's prompt is short enough.
func (l learnt) fits(text *prompts.Set, f *finding.Finding) (bool, error) {
	prompt, _, err := text.Prompt(f, 0)
	return len(prompt) <= l.longest, err
}

// thin keeps one pair in so many of those that are validated on while an adapter learns: each validation costs time.
func thin(rows []row, every int) (kept []row) {
	validated := 0
	for _, r := range rows {
		if r.Split == dataset.Dev {
			if validated++; (validated-1)/2%every != 0 {
				continue
			}
		}
		kept = append(kept, r)
	}
	return kept
}

// twins puts a real and a false finding of one rule behind each other, as many as there are of both. Of ZAP's and Checkov's rows the
// others are left out: most rules of ZAP are nearly always right or nearly always wrong in its tests, and who learns from all of them
// learns which rule is which, the opposite of what judges a rule that was not seen.
func twins(findings []finding.Finding) (kept []finding.Finding) {
	waiting := map[string][]finding.Finding{} // by rule
	for _, f := range findings {
		if f.Source == sourceCASTLE {
			kept = append(kept, f)
			continue
		}
		queue := waiting[f.Rule]
		if len(queue) > 0 && queue[0].Label != f.Label {
			kept, waiting[f.Rule] = append(kept, queue[0], f), queue[1:]
			continue
		}
		waiting[f.Rule] = append(queue, f)
	}
	return kept
}

func heldoutRows(ctx context.Context) ([]row, error) {
	found, err := committed("dev")
	if err != nil {
		return nil, err
	}
	apart, err := apartFindings()
	if err != nil {
		return nil, err
	}
	for _, f := range apart {
		if !taken(f.Group) {
			found = append(found, f)
		}
	}
	rows := withAnalyses(found)
	known, err := passiveRows(ctx, seedHeldout, 50, false)
	if err != nil {
		return nil, err
	}
	others, err := passiveRows(ctx, seedHeldout, 20, true)
	if err != nil {
		return nil, err
	}
	exchanges, err := exchangeRows(ctx, seedHeldout, ofEach(10), false, nil)
	if err != nil {
		return nil, err
	}
	unseenExchanges, err := exchangeRows(ctx, seedHeldout, ofEach(10), true, nil)
	if err != nil {
		return nil, err
	}
	iac, err := iacRows(ctx, seedHeldout, 20)
	rows = slices.Concat(rows, known, others, exchanges, unseenExchanges, iac)
	for i := range rows {
		rows[i].Split = dataset.Dev
	}
	return rows, err
}

// without leaves out the rows that are among the learnt ones: another seed now and then makes the same.
func without(rows []row, learnt ...[]row) []row {
	type content struct{ rule, request, response, snippet string }
	of := func(r row) content { return content{r.Rule, r.Request, r.Response, r.Snippet} }
	there := map[content]bool{}
	for _, r := range slices.Concat(learnt...) {
		there[of(r)] = true
	}
	return slices.DeleteFunc(rows, func(r row) bool { return there[of(r)] })
}

// floorRows are what the floors need beside models/data: the held-out rows of generated sources and of those that are apart, and of the
// same sources those to learn from.
func floorRows(heldout []row, learnt ...[]row) ([]row, error) {
	all := slices.Concat(learnt...)
	apart, err := apartFindings()
	if err != nil {
		return nil, err
	}
	for _, f := range apart {
		if taken(f.Group) {
			all = append(all, row{Finding: f})
		}
	}
	for i := range all {
		all[i].Split = dataset.Train // those that were validated on, too
	}
	return slices.DeleteFunc(append(all, heldout...), func(r row) bool {
		return !strings.HasPrefix(r.Source, "generated") && !strings.HasSuffix(r.Source, apartSuffix)
	}), nil
}

// Sources of the committed rows: the names of their files in models/data.
const (
	sourceZAP     = "zap_http"
	sourceCheckov = "checkov_terraform"
	sourceCASTLE  = "castle_c"

	apartSuffix = "_apart"
)

// apartFindings are the committed findings of the part train as sources of their own, so that what is not taken of them is measured apart
// from the part dev.
func apartFindings() ([]finding.Finding, error) {
	found, err := committed("train")
	for i := range found {
		found[i].Source += apartSuffix
	}
	return found, err
}

// committed are the rows of a part of the sets in models/data.
func committed(split string) (rows []finding.Finding, err error) {
	for _, name := range []string{sourceZAP, sourceCheckov, sourceCASTLE} {
		reports, unreadable, err := review.Read(context.Background(), []string{"models/data/" + name + ".jsonl.gz"}, review.ReadOptions{Format: "auto"})
		if err = cmp.Or(err, joined(unreadable)); err != nil {
			return nil, err
		}
		for _, f := range reports[0].Findings {
			if f.Split == split {
				f.Source = name
				rows = append(rows, f)
			}
		}
	}
	return rows, nil
}

func joined(list []error) error {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// passiveRows are pairs of the passive checks: of those that training may see, or of the others.
func passiveRows(ctx context.Context, seed uint64, pairs int, others bool) (rows []row, err error) {
	checks, source := unseen, "generated_passive_unseen"
	if !others {
		checks, source = nil, "generated_passive"
		for _, c := range generate.PassiveChecks() {
			if !slices.Contains(unseen, c) {
				checks = append(checks, c)
			}
		}
	}
	o := generate.PassiveOptions{Num: pairs, Seed: seed, Checks: checks}
	err = generate.Passive(ctx, o, 0, func(pair []finding.Finding, analyses []string) error {
		for i := range pair {
			// A validation's group is the pair's: of checks, all are learnt.
			pair[i].Group, pair[i].Source = fmt.Sprintf("%s/%d", pair[i].Group, len(rows)/2), source
			pair[i].ID = source + "/" + pair[i].ID
			rows = append(rows, row{pair[i], analyses[i]})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range rows {
		rows[i].Group = rows[i/2*2].Group // of both sides
	}
	return rows, nil
}

// exchangeRows are pairs of the study's four categories, so many of each: those of the templates that are held out, or of the others;
// both of a pair must fit.
func exchangeRows(ctx context.Context, seed uint64, pairs map[string]int, heldout bool, fits func(*finding.Finding) (bool, error)) (rows []row, err error) {
	source := "generated_http"
	if heldout {
		source += "_unseen"
	}
	for _, category := range dataset.Categories() {
		n := 0
		o := generate.Options{Category: category, Num: math.MaxInt, Seed: seed}
		err := generate.Offline(ctx, o, 0, func(pair []dataset.Example) error {
			if heldoutTemplate(pair[0].Group) != heldout {
				return nil
			}
			for _, e := range pair {
				if fits == nil {
					break
				}
				f := e.Finding()
				if ok, err := fits(&f); err != nil || !ok {
					return err
				}
			}
			for _, e := range pair {
				f := e.Finding()
				f.ID, f.Source = fmt.Sprintf("%s/%s/%d/%d/%s", source, category, seed, n, e.Label()), source
				rows = append(rows, row{f, briefly(&e)})
			}
			if n++; n == pairs[category] {
				return errEnough
			}
			return nil
		})
		if !errors.Is(err, errEnough) {
			return nil, err
		}
	}
	return rows, nil
}

// errEnough ends a generator that has given all that is asked for.
var errEnough = errors.New("enough")

func iacRows(ctx context.Context, seed uint64, pairs int) (rows []row, err error) {
	err = generate.IaC(ctx, generate.IaCOptions{Num: pairs, Seed: seed}, 0, func(pair []finding.Finding) error {
		for i, f := range pair {
			f.ID, f.Source = fmt.Sprintf("generated_iac/%d/%d/%d", seed, len(rows)/2, i), "generated_iac"
			rows = append(rows, row{f, analyse(&f)})
		}
		return nil
	})
	return rows, err
}
