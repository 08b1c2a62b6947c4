package run

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
)

// The files of ExportWandB.
const (
	wandbHistory = "wandb-history.jsonl"
	wandbSummary = "wandb-summary.json"
)

// The keys that W&B itself gives to rows.
const (
	wandbStep      = "_step"
	wandbTimestamp = "_timestamp"
	wandbRuntime   = "_runtime"
)

// ExportWandB writes a run's metrics and timings as Weights & Biases names them: wandb-history.jsonl has a row a step as
// the rows of scan_history() are, and wandb-summary.json the last values as in a run's summary. Rows can be given to
// wandb.log as they are; `wandb sync` reads another, binary file and does not take them.
func ExportWandB(dir string) error {
	metrics, err := ReadMetrics(dir)
	if err != nil {
		return err
	}
	timings, err := ReadTimings(dir)
	if err != nil {
		return err
	}
	steps := map[int]map[string]float64{}
	for _, row := range append(metrics, timings...) {
		if steps[row.Step] == nil {
			steps[row.Step] = map[string]float64{}
		}
		maps.Copy(steps[row.Step], row.Values)
	}
	var history bytes.Buffer
	last := map[string]float64{}
	var begun float64
	for _, step := range slices.Sorted(maps.Keys(steps)) {
		values := steps[step]
		if at, ok := values[unixTime]; ok {
			if begun == 0 {
				begun = at
			}
			values[wandbTimestamp], values[wandbRuntime] = at, at-begun
			delete(values, unixTime)
		}
		values[wandbStep] = float64(step)
		maps.Copy(last, values)
		fmt.Fprintf(&history, "%s\n", object(values))
	}
	if err := (disk{}).replace(filepath.Join(dir, wandbHistory), history.Bytes()); err != nil {
		return fmt.Errorf("exporting for W&B: %w", err)
	}
	if err := (disk{}).replace(filepath.Join(dir, wandbSummary), append(object(last), '\n')); err != nil {
		return fmt.Errorf("exporting for W&B: %w", err)
	}
	return nil
}

// summarise gives the last step and the last value of each metric.
func summarise(rows []Row) json.RawMessage {
	last, step := map[string]float64{}, 0
	for _, row := range rows {
		maps.Copy(last, row.Values)
		step = max(step, row.Step)
	}
	return json.RawMessage(`{"format_version":` + strconv.Itoa(formatVersion) + `,"step":` + strconv.Itoa(step) +
		`,"metrics":` + string(object(last)) + `}`)
}

// object writes values as a JSON object, its keys sorted.
func object(values map[string]float64) []byte {
	b := []byte{'{'}
	for i, name := range slices.Sorted(maps.Keys(values)) {
		if i > 0 {
			b = append(b, ',')
		}
		key, _ := json.Marshal(name) // text always can be
		b = append(append(b, key...), ':')
		b = append(b, number(values[name])...)
	}
	return append(b, '}')
}
