package encoder

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"

	"github.com/januslm/janus/model"
	"github.com/januslm/janus/prompts"
	"github.com/januslm/janus/review"
	"github.com/januslm/janus/train/heads"
)

// Example is a finding as the encoder reads it.
type Example struct {
	IDs  []int32
	Real bool
}

// Len is the number of tokens.
func (e Example) Len() int { return len(e.IDs) }

// Data is what a run learns from, and what it is validated and calibrated on.
type Data struct {
	Train, Dev []Example
	Cut        int     // findings that were longer than allowed, and are cut as a review cuts them
	Failed     []error // findings that could not be turned into tokens, and are left out
	SHA256     string  // of tokens, labels and sides
}

// Prepare turns labelled findings into tokens, with the text that a review gives the encoder. A side with one class only is an
// error, and so is a model that is no encoder.
func Prepare(m *model.Model, rows *heads.Rows, text *prompts.Set, limit int) (*Data, error) {
	if err := checkEncoder(m); err != nil {
		return nil, err
	}
	prompter, err := review.NewPrompter(m, text)
	if err != nil {
		return nil, err
	}
	limit = min(limit, m.Config().ContextLength)
	d := &Data{}
	for i := range rows.Findings {
		ids, cut, err := prompter.Fit(&rows.Findings[i], limit)
		if err == nil && len(ids) == 0 {
			err = errors.New("the text has no tokens")
		}
		if err != nil {
			d.Failed = append(d.Failed, fmt.Errorf("%s: %w", rows.Where(i), err))
			continue
		}
		if cut != "" {
			d.Cut++
		}
		side := &d.Train
		if rows.Dev[i] {
			side = &d.Dev
		}
		*side = append(*side, Example{ids, rows.Labels[i]})
	}
	if err := errors.Join(bothClasses("training", d.Train), bothClasses("dev", d.Dev)); err != nil {
		return nil, errors.Join(append(d.Failed[:min(len(d.Failed), 3)], err)...)
	}
	hashed := sha256.New()
	hashExamples(hashed, d.Train)
	hashExamples(hashed, d.Dev)
	d.SHA256 = hex.EncodeToString(hashed.Sum(nil))
	return d, nil
}

// bothClasses refuses rows from which nothing can be learned.
func bothClasses(side string, examples []Example) error {
	switch positives := countReal(examples); {
	case len(examples) == 0:
		return fmt.Errorf("there are no %s rows: give more labelled findings", side)
	case positives == 0:
		return fmt.Errorf("all %d %s rows are labelled FP: nothing can be learned from one class; give real findings (TP) too", len(examples), side)
	case positives == len(examples):
		return fmt.Errorf("all %d %s rows are labelled TP: nothing can be learned from one class; give false alarms (FP) too", len(examples), side)
	}
	return nil
}

func countReal(examples []Example) (n int) {
	for _, e := range examples {
		if e.Real {
			n++
		}
	}
	return n
}

func hashExamples(h hash.Hash, examples []Example) {
	number := func(n int) { _ = binary.Write(h, binary.LittleEndian, int64(n)) } // a hash's Write never fails
	number(len(examples))
	for _, e := range examples {
		number(len(e.IDs))
		_ = binary.Write(h, binary.LittleEndian, e.IDs)
		_ = binary.Write(h, binary.LittleEndian, e.Real)
	}
}
