package heads

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/januslm/janus/eval/metrics"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/train/run"
)

// Write puts the heads into a run folder: heads/NAME each, the best one as "best" too, and their figures as heads.json and
// heads.md.
func (r *Result) Write(dir string) error {
	for _, t := range r.Heads {
		if err := t.Head.Save(filepath.Join(dir, "heads", t.Name)); err != nil {
			return err
		}
	}
	if err := r.Heads[0].Head.Save(filepath.Join(dir, "best")); err != nil {
		return err
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(filepath.Join(dir, "heads.json"), append(data, '\n'), 0o644); err != nil {
		return err
	}
	return renameio.WriteFile(filepath.Join(dir, "heads.md"), []byte(r.Table()), 0o644)
}

// Log hands each epoch's losses to log: those of the best head as train/loss and dev/loss, and those of each as heads/NAME/train
// and heads/NAME/dev.
func (r *Result) Log(log func(epoch int, values map[string]float64) error) error {
	epochs := 0
	for _, t := range r.Heads {
		epochs = max(epochs, len(t.Losses))
	}
	for epoch := range epochs {
		values := map[string]float64{}
		add := func(name string, losses []float64) {
			if epoch < len(losses) {
				values[name] = losses[epoch]
			}
		}
		for i, t := range r.Heads {
			if i == 0 {
				add(run.TrainLoss, t.Losses)
				add(run.DevLoss, t.DevLosses)
			}
			add("heads/"+t.Name+"/train", t.Losses)
			add("heads/"+t.Name+"/dev", t.DevLosses)
		}
		if err := log(epoch+1, values); err != nil {
			return err
		}
	}
	return nil
}

// Table is the figures on the dev rows as Markdown, the best head first and accept-all last.
func (r *Result) Table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d rows to train on, %d dev rows (%d TP). All figures are on the dev rows, by which epochs, temperatures,\nthresholds and the order were chosen: they flatter.\n\n",
		r.Train, r.DevRows, r.AcceptAll.Positives)
	b.WriteString("| head | ROC AUC | AP | F1 | precision | recall | FPR | MCC | Brier | ECE | T | threshold | epoch |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	line := func(name string, s metrics.Summary, temperature, threshold, epoch string) {
		fmt.Fprintf(&b, "| %s |", name)
		for _, v := range []metrics.Number{s.ROCAUC, s.AveragePrecision, s.F1, s.Precision, s.Recall, s.FPR, s.MCC, s.Brier, s.ECE} {
			fmt.Fprintf(&b, " %.3f |", float64(v))
		}
		fmt.Fprintf(&b, " %s | %s | %s |\n", temperature, threshold, epoch)
	}
	for _, t := range r.Heads {
		line(t.Name, t.Dev, fmt.Sprintf("%.3g", t.Temperature), fmt.Sprintf("%.3f", t.Dev.Threshold), fmt.Sprint(t.Epoch))
	}
	line("accept all", r.AcceptAll, "–", "–", "–")
	for _, t := range r.Heads {
		if t.Note != "" {
			fmt.Fprintf(&b, "\n%s: %s.\n", t.Name, t.Note)
		}
	}
	for _, text := range r.Failed {
		fmt.Fprintf(&b, "\nLeft out: %s.\n", finding.Clean(text))
	}
	return b.String()
}
