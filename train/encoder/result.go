package encoder

import (
	"encoding/json"
	"path/filepath"

	"github.com/google/renameio/v2"

	"github.com/januslm/janus/train/heads"
)

// Files of figures in a run folder.
const (
	figuresFile = "figures.json"
	tableFile   = "figures.md"
)

// Result is how a run ended.
type Result struct {
	Tuned           string // [ModelDir] or [AdapterDir]
	Steps, BestStep int
	Early           bool          // it ended before the last update, for want of a better validation
	Figures         *heads.Result // on the dev rows, beside accepting every finding
}

// figures are those of the best checkpoint on the dev rows.
func (t *task) figures(c *heads.Calibration, step int) (*heads.Result, error) {
	all, err := heads.AcceptAll(labelsOf(t.data.Dev))
	per := t.batches.PerEpoch()
	r := &heads.Result{
		Heads: []heads.Trained{{Name: t.config.Method, Dev: c.Dev, Temperature: c.Temperature, Epoch: (step + per - 1) / per, Note: c.Note}},
		Train: len(t.data.Train), DevRows: len(t.data.Dev), AcceptAll: all,
	}
	for _, problem := range t.data.Failed {
		r.Failed = append(r.Failed, problem.Error())
	}
	return r, err
}

// write puts the figures into the run folder.
func (r *Result) write(dir string) error {
	data, err := json.MarshalIndent(r.Figures, "", "  ")
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(filepath.Join(dir, figuresFile), append(data, '\n'), 0o644); err != nil {
		return err
	}
	return renameio.WriteFile(filepath.Join(dir, tableFile), []byte(r.Figures.Table()), 0o644)
}
