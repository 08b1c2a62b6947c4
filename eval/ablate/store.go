package ablate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/renameio/v2"
	"github.com/parquet-go/parquet-go"

	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/finding"
)

// Names in a study's folder, besides those of package results.
const (
	pointsDir   = "points"   // NAME-HASH.parquet: points that were computed together, written whole
	workDir     = "work"     // NAME-TIME.json: what a process has computed
	statesDir   = "states"   // of package states
	adaptersDir = "adapters" // run folders, by the hash of what they follow from
	tableFile   = "ablation.md"
	gridFile    = "grid.yaml" // for workers
)

const pointsEnding = ".parquet"

// maxPage is the most bytes that a page of a file of points may unpack to.
const maxPage = 1 << 30

// readPoints reads the points that are there, by hash, from all workers' files.
func readPoints(dir string) (map[string]results.Point, error) {
	there := map[string]results.Point{}
	entries, err := os.ReadDir(filepath.Join(dir, pointsDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries { // by name
		if !strings.HasSuffix(e.Name(), pointsEnding) || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		path := filepath.Join(dir, pointsDir, e.Name())
		list, err := readPart(path)
		if err != nil {
			return nil, fmt.Errorf("points %s: %w: remove the file, and its points are computed anew", path, err)
		}
		for _, p := range list {
			if _, known := there[p.Hash]; !known {
				there[p.Hash] = p
			}
		}
	}
	return there, nil
}

func readPart(path string) (list []results.Point, err error) {
	defer func() {
		if r := recover(); r != nil { // the library panics on some damaged files
			err = fmt.Errorf("%v", r)
		}
	}()
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := finding.CheckParquet(f, info.Size(), maxPage); err != nil {
		return nil, err
	}
	return parquet.Read[results.Point](f, info.Size())
}

// writePoints adds points that were computed together. worker stands in the file's name.
func writePoints(dir, worker string, list []results.Point) (err error) {
	var hashes []string
	for _, p := range list {
		hashes = append(hashes, p.Hash)
	}
	slices.Sort(hashes)
	dir = filepath.Join(dir, pointsDir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := renameio.NewPendingFile(filepath.Join(dir, worker+"-"+hashOf(strings.Join(hashes, " "))[:24]+pointsEnding), renameio.WithPermissions(0o644))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Cleanup()) }()
	if err := parquet.Write(f, list); err != nil {
		return err
	}
	return f.CloseAtomicallyReplace()
}

// Work is what a process has computed.
type Work struct {
	Worker  string             `json:"worker"`
	Backend string             `json:"backend"`
	Passes  map[string]int     `json:"passes"`  // see results.Ablation
	Seconds map[string]float64 `json:"seconds"` // by the same names
	path    string
}

// Names of what is counted.
const (
	countForward = "forward"
	countTrain   = "train"
	countHeads   = "heads"
)

func newWork(dir, worker, backend string) *Work {
	name := fmt.Sprintf("%s-%d-%d.json", worker, time.Now().UnixNano(), os.Getpid())
	return &Work{Worker: worker, Backend: backend, Passes: map[string]int{}, Seconds: map[string]float64{}, path: filepath.Join(dir, workDir, name)}
}

// write keeps it. It is called often, so that little is lost with a process that is killed.
func (w *Work) write() error {
	if err := os.MkdirAll(filepath.Dir(w.path), 0o755); err != nil {
		return err
	}
	data, err := json.Marshal(w)
	if err != nil {
		return err
	}
	return renameio.WriteFile(w.path, append(data, '\n'), 0o644)
}

// readWork reads what all processes have computed, in the order of their names.
func readWork(dir string) (list []Work, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, workDir, "*.json"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		var w Work
		if err := json.Unmarshal(data, &w); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		list = append(list, w)
	}
	return list, nil
}

// addUp is the work of all processes together.
func addUp(list []Work) *Work {
	sum := &Work{Passes: map[string]int{countForward: 0, countTrain: 0, countHeads: 0}, Seconds: map[string]float64{}}
	for _, w := range list {
		for name, n := range w.Passes {
			sum.Passes[name] += n
		}
		for name, s := range w.Seconds {
			sum.Seconds[name] += s
		}
	}
	return sum
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
