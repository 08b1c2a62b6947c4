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
	"github.com/januslm/janus/review"
)

// Seeds of the generators: rows of one seed are in one file only.
const (
	seedAdapter = 1
	seedHead    = 2
	seedHeldout = 3
)

// unseen are checks that are only in the held-out rows: they show what becomes of kinds of findings that no training had.
var unseen = []string{"JsFunction", "Base64Disclosure", "InPageBanner", "ReferrerPolicy", "UserControlledCookie", "HeartBleed"}

// longest is the size, in bytes, of the exchanges that the adapter learns from: longer ones cost too much time.
const longest = 1500

// longestHead is the size, in bytes, of what the head's rows of other sources are about: longer ones cost too much time.
const longestHead = 550

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

func adapterRows(ctx context.Context) ([]row, error) {
	rows, err := learnt(ctx, seedAdapter, sizes{passive: 550, exchange: 95, iac: 60, zap: 100, part: 45})
	if err != nil {
		return nil, err
	}
	// What is validated on while the adapter learns is a sample: each validation costs time.
	kept := rows[:0]
	validated := 0
	for _, r := range rows {
		if r.Split == "dev" {
			if validated++; validated%5 != 0 {
				continue
			}
		}
		kept = append(kept, r)
	}
	return kept, nil
}

// headRows are the head's. ZAP's rows are all validated on, as many real ones as false ones of each rule: most of its rules are nearly
// always right or nearly always wrong in its tests, and a head that learns from them learns which rule is which, the opposite of
// what judges a rule that it has not seen (ROC AUC 0.25 to 0.45 over rules left out, against 0.55 to 0.60 without those rows).
func headRows(ctx context.Context) ([]row, error) {
	rows, err := learnt(ctx, seedHead, sizes{passive: 420, exchange: 50, iac: 15, zap: 100, part: 22})
	if err != nil {
		return nil, err
	}
	const zap = "zap_http"
	found := map[string]int{} // by rule and class
	for _, r := range rows {
		if r.Source == zap {
			found[r.Rule+" "+r.Label]++
		}
	}
	var kept []row
	taken := map[string]int{}
	for _, r := range rows {
		if r.Source != sourceExchange && len(r.Request)+len(r.Response)+len(r.Snippet) > longestHead {
			continue
		}
		if r.Source == zap {
			r.Split = dataset.Dev
			key := r.Rule + " " + r.Label
			if taken[key]++; taken[key] > min(found[r.Rule+" TP"], found[r.Rule+" FP"]) {
				continue
			}
		}
		kept = append(kept, r)
	}
	return kept, nil
}

// sizes are the pairs that the generators make, exchange by category, and the share in percent of committed rows that is taken: zap of
// ZAP's, part of the groups of the others, of which Checkov's rules then give one row of each class.
type sizes struct{ passive, exchange, iac, zap, part int }

// learnt are the rows of train parts and of generators, with their split.
func learnt(ctx context.Context, seed uint64, n sizes) ([]row, error) {
	found, err := committed("train", seed, n.zap, n.part)
	if err != nil {
		return nil, err
	}
	rows := withAnalyses(found)
	passive, err := passiveRows(ctx, seed, n.passive, false)
	if err != nil {
		return nil, err
	}
	exchanges, err := exchangeRows(ctx, seed, n.exchange, false)
	if err != nil {
		return nil, err
	}
	iac, err := iacRows(ctx, seed, n.iac)
	if err != nil {
		return nil, err
	}
	rows = slices.Concat(rows, passive, exchanges, iac)
	for i := range rows {
		rows[i].Split = "train"
		if validation(rows[i].Group) {
			rows[i].Split = "dev"
		}
	}
	return rows, nil
}

func heldoutRows(ctx context.Context) ([]row, error) {
	found, err := committed("dev", 0, 100, 100)
	if err != nil {
		return nil, err
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
	exchanges, err := exchangeRows(ctx, seedHeldout, 10, true)
	if err != nil {
		return nil, err
	}
	iac, err := iacRows(ctx, seedHeldout, 20)
	rows = slices.Concat(rows, known, others, exchanges, iac)
	for i := range rows {
		rows[i].Split = dataset.Dev
	}
	return rows, err
}

// generated are the generators' rows: those that were learnt from, and the held-out ones to judge.
func generated(adapter, head, heldout []row) (all []row) {
	for i, rows := range [][]row{adapter, head, heldout} {
		for _, f := range rows {
			if i < 2 {
				f.Split = dataset.Train // those that were validated on, too
			}
			if strings.HasPrefix(f.Source, "generated") {
				all = append(all, f)
			}
		}
	}
	return all
}

// committed are the rows of a part of the sets in models/data, zap percent of ZAP's and of the groups of the others part percent;
// what is taken follows from a hash that the seed changes. Where it is not all, one row of each class and rule of Checkov's is.
func committed(split string, seed uint64, zap, part int) (rows []finding.Finding, err error) {
	for _, name := range []string{"zap_http", "checkov_terraform", "castle_c"} {
		reports, unreadable, err := review.Read(context.Background(), []string{"models/data/" + name + ".jsonl.gz"}, review.ReadOptions{Format: "auto"})
		if err = cmp.Or(err, joined(unreadable)); err != nil {
			return nil, err
		}
		all := reports[0].Findings
		once := name == "checkov_terraform" && part < 100
		if once {
			slices.SortStableFunc(all, func(a, b finding.Finding) int {
				return cmp.Compare(share(fmt.Sprint(seed, a.ID)), share(fmt.Sprint(seed, b.ID)))
			})
		}
		taken := map[string]bool{}
		for _, f := range all {
			most, by := part, f.Group
			if name == "zap_http" {
				most, by = zap, f.ID
			}
			key := f.Rule + " " + f.Label
			if f.Split != split || share(fmt.Sprint("part ", seed, by)) >= most || once && taken[key] {
				continue
			}
			taken[key] = true
			f.Source = name
			rows = append(rows, f)
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

// sourceExchange is the source of exchangeRows.
const sourceExchange = "generated_http"

// exchangeRows are pairs of each of the study's four categories: those of the templates that are held out, or of the others that
// are short enough to learn from.
func exchangeRows(ctx context.Context, seed uint64, pairs int, heldout bool) (rows []row, err error) {
	for _, category := range dataset.Categories() {
		if pairs == 0 {
			break
		}
		n := 0
		o := generate.Options{Category: category, Num: math.MaxInt, Seed: seed}
		err := generate.Offline(ctx, o, 0, func(pair []dataset.Example) error {
			long := len(pair[0].Request)+len(pair[0].Response) > longest
			if heldoutTemplate(pair[0].Group) != heldout || !heldout && long {
				return nil
			}
			for _, e := range pair {
				f := e.Finding()
				f.ID, f.Source = fmt.Sprintf("%s/%s/%d/%d/%s", sourceExchange, category, seed, n, e.Label()), sourceExchange
				rows = append(rows, row{f, briefly(&e)})
			}
			if n++; n == pairs {
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
