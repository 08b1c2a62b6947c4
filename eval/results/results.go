// Package results holds what benchmarks and ablations leave, and what reports are made of: a folder with a description in JSON
// and rows in Parquet.
package results

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
	"github.com/parquet-go/parquet-go"

	"github.com/januslm/janus/eval/metrics"
)

// Names in a folder.
const (
	BenchFile    = "bench.json"
	CasesFile    = "cases.parquet"
	AblationFile = "ablation.json"
	PointsFile   = "points.parquet"
)

// Variant is one way to judge findings.
type Variant struct {
	Name     string `json:"name"`     // "FT-PE-CH", "accept-all", "tfidf-lr", "api:gpt-4o-mini", …
	Approach string `json:"approach"` // "generative", "head", "encoder", "floor" or "api"
	Model    string `json:"model,omitempty"`
	Prompt   string `json:"prompt,omitempty"` // "plain" or "pe"
	// SHA-256 of the files; with cross-validation those of the last fold's adapter and head.
	ModelSHA256   string `json:"model_sha256,omitempty"`
	AdapterSHA256 string `json:"adapter_sha256,omitempty"`
	HeadSHA256    string `json:"head_sha256,omitempty"`

	Parameters   int64   `json:"parameters,omitempty"`
	WeightBytes  int64   `json:"weight_bytes,omitempty"`  // on the device
	PeakBytes    int64   `json:"peak_bytes,omitempty"`    // of the process while it ran
	TrainSeconds float64 `json:"train_seconds,omitempty"` // of adapter and head, all folds
	// US dollars for a million tokens of prompts and of answers; 0 for a local model.
	PromptPrice     float64 `json:"prompt_price,omitempty"`
	CompletionPrice float64 `json:"completion_price,omitempty"`
}

// Bench describes a benchmark.
type Bench struct {
	Name     string            `json:"name"`
	Created  string            `json:"created"` // RFC 3339
	Seed     uint64            `json:"seed"`
	Folds    int               `json:"folds"` // 1: one division into training and test rows
	Config   map[string]any    `json:"config"`
	Versions map[string]string `json:"versions"`
	Data     []Data            `json:"data"`
	Variants []Variant         `json:"variants"`
	// Curves are what trainings logged, by a name such as "FT-CH fold 0 adapter".
	Curves map[string][]Step `json:"curves,omitempty"`
}

// Data is a file or data base that rows came from.
type Data struct {
	Path   string `json:"path"`
	Rows   int    `json:"rows"`
	SHA256 string `json:"sha256"`
}

// Step is a line of a training's log.
type Step struct {
	Step   int                `json:"step"`
	Values map[string]float64 `json:"values"` // by train/run's names: "train/loss", …
}

// Case is what one variant said of one finding.
type Case struct {
	Variant      string  `parquet:"variant,dict" json:"variant"`
	Fold         int32   `parquet:"fold" json:"fold"`
	ID           string  `parquet:"id" json:"id"`
	Source       string  `parquet:"source,dict" json:"source"`
	Category     string  `parquet:"category,dict" json:"category"`
	Group        string  `parquet:"group,dict" json:"group,omitempty"`
	Pair         string  `parquet:"pair" json:"pair,omitempty"` // shared by a vulnerable finding and its fixed twin
	Title        string  `parquet:"title" json:"title,omitempty"`
	Location     string  `parquet:"location" json:"location,omitempty"`
	Truth        string  `parquet:"truth,dict" json:"truth"`           // TP or FP
	Verdict      string  `parquet:"verdict,dict" json:"verdict"`       // TP or FP; empty where the case failed
	Error        string  `parquet:"error,dict" json:"error,omitempty"` // why it failed
	P            float64 `parquet:"p" json:"p"`                        // probability that it is real; meaningless where the case failed
	Threshold    float64 `parquet:"threshold" json:"threshold"`        // from which the verdict is TP
	PromptTokens int32   `parquet:"prompt_tokens" json:"prompt_tokens"`
	Tokens       int32   `parquet:"tokens" json:"tokens"`     // of the analysis or answer
	Seconds      float64 `parquet:"seconds" json:"seconds"`   // its share of its batch
	USD          float64 `parquet:"usd" json:"usd,omitempty"` // what an API took for it
	Analysis     string  `parquet:"analysis" json:"analysis,omitempty"`
	// Pieces are the analysis's tokens as text, and Trajectory the probability before the first and after each:
	// len(Trajectory) = len(Pieces)+1, or both are empty.
	Pieces     []string  `parquet:"pieces" json:"pieces,omitempty"`
	Trajectory []float32 `parquet:"trajectory" json:"trajectory,omitempty"`
}

// Failed tells whether there is no verdict.
func (c *Case) Failed() bool { return c.Error != "" }

// Ablation describes a grid.
type Ablation struct {
	Name     string            `json:"name"`
	Created  string            `json:"created"`
	Axes     []Axis            `json:"axes"` // those with more than one value first
	Config   map[string]any    `json:"config"`
	Versions map[string]string `json:"versions"`
	Data     []Data            `json:"data"`
	// Passes counts what was computed in the end, over all runs: "forward" findings read by a base model, "train" updates of
	// adapters, "heads" heads trained.
	Passes map[string]int `json:"passes"`
	// Times are the seconds of the same, by the same names. Like the points' Seconds they differ between runs.
	Times map[string]float64 `json:"times,omitempty"`
	// Rows are the test rows, in the order of Point.P.
	Rows    []TestRow `json:"rows,omitempty"`
	Effects []Effect  `json:"effects,omitempty"`
	Slopes  []Slope   `json:"slopes,omitempty"`
}

// TestRow is a finding that points were judged on.
type TestRow struct {
	ID       string `json:"id"`
	Source   string `json:"source,omitempty"`
	Category string `json:"category,omitempty"`
	Group    string `json:"group,omitempty"`
	Truth    string `json:"truth"` // TP or FP
}

// Effect is what one value of an axis does: the mean of a figure over all points with that value, and how it differs from
// that over the points that are like them but for having the axis's first value. Intervals are bootstrapped over the test rows, all
// points on the same draws.
type Effect struct {
	Axis       string           `json:"axis"`
	Value      string           `json:"value"`
	Metric     string           `json:"metric"` // a column of the points: "roc_auc", "f1", …
	Points     int              `json:"points"`
	Mean       metrics.Interval `json:"mean"`
	Against    string           `json:"against,omitempty"` // the axis's first value; empty at that one
	Pairs      int              `json:"pairs,omitempty"`   // points that have a like
	Difference metrics.Interval `json:"difference"`        // mean over the pairs
}

// Slope is metrics.Scaling over the lengths of a grid's analyses: how much a figure rises a token.
type Slope struct {
	Metric  string           `json:"metric"`
	Lengths []float64        `json:"lengths"` // tokens
	Figures []metrics.Number `json:"figures"` // means over the points of each length
	Value   metrics.Interval `json:"value"`
}

// Axis is a setting and its values, as text.
type Axis struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
}

// Point is a grid point's result on the test rows. NaN stands where a figure is not defined.
type Point struct {
	Hash   string            `parquet:"hash"`   // SHA-256 of all that it follows from
	Values map[string]string `parquet:"values"` // by axis
	Error  string            `parquet:"error"`

	N           int32   `parquet:"n"`
	Accuracy    float64 `parquet:"accuracy"`
	Precision   float64 `parquet:"precision"`
	Recall      float64 `parquet:"recall"`
	F1          float64 `parquet:"f1"`
	FPR         float64 `parquet:"fpr"`
	MCC         float64 `parquet:"mcc"`
	ROCAUC      float64 `parquet:"roc_auc"`
	PRAUC       float64 `parquet:"pr_auc"`
	Brier       float64 `parquet:"brier"`
	ECE         float64 `parquet:"ece"`
	FPReduction float64 `parquet:"fp_reduction"`
	Threshold   float64 `parquet:"threshold"`
	Temperature float64 `parquet:"temperature"`
	Tokens      float64 `parquet:"tokens"`  // mean length of the analyses
	Control     float64 `parquet:"control"` // share of them within [min, max]; see metrics.Control
	Seconds     float64 `parquet:"seconds"` // of its own training: the one figure that differs between runs
	// P are the test rows' probabilities in the order of Ablation.Rows, for intervals and tests between points; NaN where a row
	// could not be judged.
	P []float64 `parquet:"p"`
}

// WriteBench writes a benchmark's folder.
func WriteBench(dir string, b *Bench, cases []Case) error {
	return write(dir, CasesFile, cases, BenchFile, b)
}

// ReadBench reads it.
func ReadBench(dir string) (*Bench, []Case, error) {
	b := &Bench{}
	cases, err := read[Case](dir, CasesFile, BenchFile, b)
	return b, cases, err
}

// WriteAblation writes an ablation's folder.
func WriteAblation(dir string, a *Ablation, points []Point) error {
	return write(dir, PointsFile, points, AblationFile, a)
}

// ReadAblation reads it.
func ReadAblation(dir string) (*Ablation, []Point, error) {
	a := &Ablation{}
	points, err := read[Point](dir, PointsFile, AblationFile, a)
	return a, points, err
}

// IsBench tells whether a folder holds a benchmark.
func IsBench(dir string) bool { return exists(filepath.Join(dir, BenchFile)) }

// IsAblation tells whether a folder holds an ablation.
func IsAblation(dir string) bool { return exists(filepath.Join(dir, AblationFile)) }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// write puts the rows first: where the description is, they are.
func write[Row any](dir, table string, rows []Row, name string, description any) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := renameio.NewPendingFile(filepath.Join(dir, table), renameio.WithPermissions(0o644))
	if err != nil {
		return err
	}
	defer f.Cleanup() //nolint:errcheck // of what was not put in place
	if err := parquet.Write(f, rows); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(dir, table), err)
	}
	if err := f.CloseAtomicallyReplace(); err != nil {
		return err
	}
	data, err := json.MarshalIndent(description, "", "  ")
	if err != nil {
		return err
	}
	return renameio.WriteFile(filepath.Join(dir, name), append(data, '\n'), 0o644)
}

func read[Row any](dir, table, name string, description any) ([]Row, error) {
	path := filepath.Join(dir, name)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, description); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	path = filepath.Join(dir, table)
	rows, err := parquet.ReadFile[Row](path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return rows, nil
}
