package run

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The names of metrics that charts know. Others are free; a slash groups them in TensorBoard.
const (
	TrainLoss    = "train/loss"
	LearningRate = "train/learning_rate"
	GradNorm     = "train/grad_norm"
	DevLoss      = "dev/loss"
	DevAccuracy  = "dev/accuracy"
	DevPrecision = "dev/precision"
	DevRecall    = "dev/recall"
	DevF1        = "dev/f1"

	TokensPerSecond = "time/tokens_per_second"
	SecondsPerStep  = "time/seconds_per_step"
	Memory          = "memory/resident_bytes"
	unixTime        = "time/unix"
)

const stepKey = "step"

// logFile is a file of JSON lines that is appended to, a write a line.
type logFile struct{ file *os.File }

// openLogs opens the logs after cutting what came after a checkpoint; nil is before the first one.
func (r *Run) openLogs(at *checkpoint) error {
	stamp, err := r.cutLogs(at)
	if err != nil {
		return fmt.Errorf("cutting the logs to the last checkpoint: %w", err)
	}
	if r.metrics, err = openLog(filepath.Join(r.Dir, metricsFile)); err != nil {
		return err
	}
	if r.timings, err = openLog(filepath.Join(r.Dir, timingsFile)); err != nil {
		return err
	}
	r.events, err = createEvents(r.Dir, stamp, r.last+1)
	return err
}

func openLog(path string) (*logFile, error) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	return &logFile{f}, nil
}

// logSizes are the sizes of the logs that a run folder holds.
func logSizes(dir string) (map[string]int64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	sizes := map[string]int64{}
	for _, e := range entries {
		if name := e.Name(); name == metricsFile || name == timingsFile || strings.HasPrefix(name, eventsPrefix) {
			info, err := e.Info()
			if err != nil {
				return nil, err
			}
			sizes[name] = info.Size()
		}
	}
	return sizes, nil
}

// cutLogs gives the logs the sizes that they had at a checkpoint, and returns the stamp of a new event file, later than
// those of all that there were: a TensorBoard that looks on has read them already.
func (r *Run) cutLogs(at *checkpoint) (stamp int64, err error) {
	stamp = time.Now().Unix()
	sizes, err := logSizes(r.Dir)
	if err != nil {
		return 0, err
	}
	for _, name := range slices.Sorted(maps.Keys(sizes)) {
		if s, ok := eventsStamp(name); ok {
			stamp = max(stamp, s+1)
		}
		path := filepath.Join(r.Dir, name)
		var want int64
		if at != nil {
			want = at.Logs[name]
		}
		switch {
		case sizes[name] < want:
			return 0, fmt.Errorf("%s: expected at least the %d bytes of the checkpoint of step %d, found %d", path, want, at.Step, sizes[name])
		case want == 0:
			err = r.disk.removeAll(path)
		case sizes[name] > want:
			err = r.disk.do("cut", path, func() error { return os.Truncate(path, want) })
		}
		if err != nil {
			return 0, err
		}
	}
	return stamp, nil
}

// syncLogs puts the logs on the disk.
func (r *Run) syncLogs() error {
	for _, f := range []*os.File{r.metrics.file, r.timings.file, r.events.file} {
		if err := r.disk.do("sync", f.Name(), f.Sync); err != nil {
			return err
		}
	}
	return nil
}

// Log writes the metrics of a step, such as losses: to metrics.jsonl, whose bytes are the same when the run is done again,
// and for TensorBoard. What depends on the time belongs into LogTiming.
func (r *Run) Log(step int, values map[string]float64) error {
	if err := r.metrics.add(step, values); err != nil {
		return fmt.Errorf("logging step %d: %w", step, err)
	}
	return r.events.scalars(step, values)
}

// LogTiming writes what differs from one run to the next, such as tokens a second and memory: to timings.jsonl, with the
// time, and for TensorBoard.
func (r *Run) LogTiming(step int, values map[string]float64) error {
	timed := maps.Clone(values)
	if timed == nil {
		timed = map[string]float64{}
	}
	timed[unixTime] = float64(time.Now().UnixMilli()) / 1000
	if err := r.timings.add(step, timed); err != nil {
		return fmt.Errorf("logging the timing of step %d: %w", step, err)
	}
	return r.events.scalars(step, values)
}

func (l *logFile) add(step int, values map[string]float64) error {
	b := []byte(`{"` + stepKey + `":` + strconv.Itoa(step))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if name == stepKey {
			return fmt.Errorf("a metric cannot be called %q", name)
		}
		key, err := json.Marshal(name)
		if err != nil {
			return err
		}
		b = append(append(append(b, ','), key...), ':')
		b = append(b, number(values[name])...)
	}
	_, err := l.file.Write(append(b, "}\n"...))
	return err
}

// number is a float as JSON; NaN and infinities, which it has no numbers for, are text as in protobuf's JSON.
func number(x float64) string {
	switch {
	case math.IsNaN(x):
		return `"NaN"`
	case math.IsInf(x, 1):
		return `"Infinity"`
	case math.IsInf(x, -1):
		return `"-Infinity"`
	}
	text, _ := json.Marshal(x) // fails only for those
	return string(text)
}

// Row is what was logged of a step at once.
type Row struct {
	Step   int
	Values map[string]float64
}

// ReadMetrics reads the metrics of a run folder. A last line that is not whole, as a crash leaves it, is left out.
func ReadMetrics(dir string) ([]Row, error) { return readLog(filepath.Join(dir, metricsFile)) }

// ReadTimings reads the timings of a run folder as ReadMetrics does the metrics.
func ReadTimings(dir string) ([]Row, error) { return readLog(filepath.Join(dir, timingsFile)) }

func readLog(path string) ([]Row, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var rows []Row
	lines := bufio.NewReader(bytes.NewReader(data))
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		row, err := parseRow(line)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		rows = append(rows, row)
	}
}

func parseRow(line []byte) (Row, error) {
	var raw map[string]any
	if err := json.Unmarshal(line, &raw); err != nil {
		return Row{}, err
	}
	step, ok := raw[stepKey].(float64)
	if !ok {
		return Row{}, fmt.Errorf("expected a number for %s, found %v", stepKey, raw[stepKey])
	}
	row := Row{Step: int(step), Values: map[string]float64{}}
	delete(raw, stepKey)
	for name, v := range raw {
		switch v := v.(type) {
		case float64:
			row.Values[name] = v
		case string:
			x, err := strconv.ParseFloat(v, 64)
			if err != nil {
				return Row{}, fmt.Errorf("%s: expected a number, found %q", name, v)
			}
			row.Values[name] = x
		default:
			return Row{}, fmt.Errorf("%s: expected a number, found %v", name, v)
		}
	}
	return row, nil
}
