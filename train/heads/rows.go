package heads

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/train/head"
	"github.com/januslm/janus/train/run"
)

// Rows are labelled findings on their sides.
type Rows struct {
	Findings []finding.Finding
	Labels   []bool
	Dev      []bool // of each, whether it is a dev row
	// Unlabelled and Test count findings that were left out: those without a label, and those of a test split.
	Unlabelled, Test int
	Own              bool // the rows' own split was taken
}

// NewRows takes the labelled findings and divides them: by their own split where there are training and dev rows, else so that
// groups, files and near duplicates stay on one side. items are what the division goes by, one a finding; nil makes them
// of the findings. Labels are TP, FP, true, false, 1 or 0; another one is an error, as is another split than those of [dataset.ParseSide].
func NewRows(findings []finding.Finding, items []dataset.Item, dev float64, seed uint64) (*Rows, error) {
	r := &Rows{}
	var chosen []dataset.Item
	sides := map[string]int{}
	for i := range findings {
		f := findings[i]
		if f.Label == "" {
			r.Unlabelled++
			continue
		}
		var err error
		if f.Split, err = dataset.ParseSide(f.Split); err != nil {
			return nil, fmt.Errorf("%s: split: %w", Where(&f), err)
		}
		if f.Split == dataset.Test {
			r.Test++
			continue
		}
		real, err := dataset.ParseLabel(f.Label)
		if err != nil {
			return nil, fmt.Errorf("%s: label: %w", Where(&f), err)
		}
		item := dataset.FindingItem(&f)
		if items != nil {
			item = items[i]
		}
		item.Stratum = fmt.Sprint(f.Category, " ", real) // however the label is written
		sides[f.Split]++
		r.Findings, r.Labels, chosen = append(r.Findings, f), append(r.Labels, real), append(chosen, item)
	}
	if len(r.Findings) == 0 {
		return nil, errors.New("there is no labelled finding to train on" + r.leftOut() + ": give findings with a label, TP or FP")
	}
	if sides[dataset.Dev] > 0 && sides[dataset.Train] > 0 {
		r.Own = true
		for i := range r.Findings {
			r.Dev = append(r.Dev, r.Findings[i].Split == dataset.Dev)
		}
		return r, nil
	}
	d, err := dataset.Split(chosen, dataset.SplitOptions{
		Sides: []dataset.Side{{Name: dataset.Train, Share: 1 - dev}, {Name: dataset.Dev, Share: dev}}, Seed: seed,
	})
	if err != nil {
		return nil, err
	}
	for _, side := range d.Side {
		r.Dev = append(r.Dev, side == 1)
	}
	return r, nil
}

// Check refuses rows from which nothing can be learned, before a model runs on them: without one of the classes on a side.
func (r *Rows) Check() error {
	sides := [2]head.Data{}
	for i, dev := range r.Dev {
		side := 0
		if dev {
			side = 1
		}
		sides[side].Labels = append(sides[side].Labels, r.Labels[i])
	}
	if err := sides[0].Check("training"); err != nil {
		return err
	}
	return sides[1].Check("dev")
}

// Files are hashes of the rows, their analyses, labels and sides, for a run that must not go on with others.
func (r *Rows) Files() (list []run.File) {
	for _, part := range []struct {
		what string
		of   func(i int) string
	}{
		{"findings", func(i int) string { return fmt.Sprintf("%q %s", r.Findings[i].ID, r.Findings[i].ContentHash()) }},
		{"analyses of the findings", func(i int) string { return fmt.Sprintf("%q", r.Findings[i].Analysis) }},
		{"labels of the findings", func(i int) string { return fmt.Sprint(r.Labels[i]) }},
		{"sides of the findings", func(i int) string { return fmt.Sprint(r.Dev[i]) }},
	} {
		h := sha256.New()
		bytes := 0
		for i := range r.Findings {
			n, _ := fmt.Fprintln(h, part.of(i)) // never fails
			bytes += n
		}
		list = append(list, run.File{Path: part.what, Bytes: int64(bytes), SHA256: hex.EncodeToString(h.Sum(nil))})
	}
	return list
}

func (r *Rows) leftOut() string {
	if r.Unlabelled+r.Test == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d without a label, %d of a test split)", r.Unlabelled, r.Test)
}

// String says how many rows there are: "80 rows to train on (30 TP), 20 dev rows (8 TP)".
func (r *Rows) String() string {
	var n, real [2]int
	for i, dev := range r.Dev {
		side := 0
		if dev {
			side = 1
		}
		n[side]++
		if r.Labels[i] {
			real[side]++
		}
	}
	text := fmt.Sprintf("%d rows to train on (%d TP), %d dev rows (%d TP)", n[0], real[0], n[1], real[1])
	if r.Own {
		text += " by their own split"
	}
	if left := r.leftOut(); left != "" {
		text += ", left out" + left
	}
	return text
}

// Where says which finding a row is, for messages: its file, name and line.
func (r *Rows) Where(i int) string { return Where(&r.Findings[i]) }

// Where says which finding one is, for messages: its file, name and line.
func Where(f *finding.Finding) string {
	text := fmt.Sprintf("finding %q", f.ID)
	if f.Origin.Input != "" {
		text = f.Origin.Input + ": " + text
	}
	if f.Origin.Line > 0 {
		text += fmt.Sprintf(" in line %d", f.Origin.Line)
	}
	return text
}
