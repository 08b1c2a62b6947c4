package states

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/parquet-go/parquet-go"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/finding"
)

// Row is a pooled state as a part has it.
type Row struct {
	Key     string    `parquet:"key,dict"`     // SHA-256, in hexadecimal: see the package documentation
	ID      string    `parquet:"id,dict"`      // the finding's
	Source  string    `parquet:"source,dict"`  // the finding's
	Label   string    `parquet:"label,dict"`   // "TP", "FP" or empty, when it was harvested
	Group   string    `parquet:"group,dict"`   // as above
	Split   string    `parquet:"split,dict"`   // as above
	Feature string    `parquet:"feature,dict"` // "last/mean_generated": see FeatureName
	Length  int32     `parquet:"length"`       // asked for: the state is that after so many tokens, or after all where there are fewer
	Tokens  int32     `parquet:"tokens"`       // that the analysis has, at most the settings' most
	State   []float32 `parquet:"state,list"`   // [D]
}

// FeatureName is a feature in one word: layer and pooling.
func FeatureName(f classifier.Feature) string { return f.Layer.String() + "/" + string(f.Pooling) }

// place tells a state from the others of a folder.
type place struct {
	Key     string `parquet:"key"`
	Feature string `parquet:"feature"`
	Length  int32  `parquet:"length"`
}

// partEnding is that of parts; what a write in progress has is another.
const partEnding = ".parquet"

// parts lists a folder's parts in the order of their names. A folder that is not there has none.
func parts(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []string
	for _, e := range entries {
		if e.Type().IsRegular() && strings.HasSuffix(e.Name(), partEnding) && !strings.HasPrefix(e.Name(), ".") {
			list = append(list, filepath.Join(dir, e.Name()))
		}
	}
	return list, nil
}

// Read gives the rows of a folder, part by part, each state once even where two harvests at a time have written it. An error
// is the last thing that it gives.
func Read(dir string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		seen := map[place]bool{}
		list, err := parts(dir)
		if err != nil {
			yield(Row{}, err)
			return
		}
		for _, path := range list {
			again := true
			err := readPart(path, func(r Row) bool {
				at := place{r.Key, r.Feature, r.Length}
				if !seen[at] {
					seen[at] = true
					again = yield(r, nil)
				}
				return again
			})
			if err != nil && again {
				yield(Row{}, err)
				return
			}
			if !again {
				return
			}
		}
	}
}

// readRows is how many rows are in memory at a time.
const readRows = 64

// maxPage is the most bytes that a page of a part may unpack to.
const maxPage = 1 << 30

// readPart gives the rows of a part until yield returns false. T is Row or has some of its columns.
func readPart[T any](path string, yield func(T) bool) (err error) {
	defer func() {
		if r := recover(); r != nil { // the library panics on some damaged files
			err = fmt.Errorf("%v", r)
		}
		if err != nil {
			err = fmt.Errorf("states %s: %w: remove the file, and its states are harvested anew", path, err)
		}
	}()
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := finding.CheckParquet(f, info.Size(), maxPage); err != nil {
		return err
	}
	file, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		return err
	}
	for _, column := range parquet.SchemaOf(new(T)).Columns() {
		if _, ok := file.Schema().Lookup(column...); !ok {
			return fmt.Errorf("there is no column %s", strings.Join(column, "."))
		}
	}
	r := parquet.NewGenericReader[T](file)
	defer r.Close() //nolint:errcheck // only read
	for {
		buffer := make([]T, readRows) // new each time: rows keep their lists
		n, err := r.Read(buffer)
		for _, row := range buffer[:n] {
			if !yield(row) {
				return nil
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return io.ErrNoProgress
		}
	}
}

// places lists what a folder has.
func places(dir string) (map[place]bool, error) {
	there := map[place]bool{}
	list, err := parts(dir)
	if err != nil {
		return nil, err
	}
	for _, path := range list {
		if err := readPart(path, func(p place) bool { there[p] = true; return true }); err != nil {
			return nil, err
		}
	}
	return there, nil
}

// writeRows adds a part of states.
func writeRows(dir string, rows []Row) error {
	var text strings.Builder
	for _, r := range rows {
		fmt.Fprintln(&text, r.Key, r.Feature, r.Length)
	}
	return writePart(dir, text.String(), rows)
}

// writePart adds a part. Its name follows from what is in it, which text says.
func writePart[T any](dir, text string, rows []T) (err error) {
	path := filepath.Join(dir, hashOf(text)[:24]+partEnding)
	f, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o644))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Cleanup()) }()
	w := parquet.NewGenericWriter[T](f, parquet.Compression(&parquet.Zstd))
	if _, err := w.Write(rows); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return f.CloseAtomicallyReplace()
}

// Input says which state of each finding a head reads.
type Input struct {
	Feature classifier.Feature
	Length  int
}

// Load reads the inputs' states of findings by their keys: a matrix [len(keys), D] an input, row-major. A state that is not
// there is an error.
func Load(dir string, keys []string, inputs []Input) ([][]float32, error) {
	rows := map[string][]int{}
	for i, k := range keys {
		rows[k] = append(rows[k], i)
	}
	at := map[place]int{}
	for i, in := range inputs {
		at[place{Feature: FeatureName(in.Feature), Length: int32(in.Length)}] = i
	}
	matrices, filled := make([][]float32, len(inputs)), make([]int, len(inputs))
	width := 0
	for r, err := range Read(dir) {
		if err != nil {
			return nil, err
		}
		i, wanted := at[place{Feature: r.Feature, Length: r.Length}]
		if !wanted || rows[r.Key] == nil {
			continue
		}
		if width == 0 {
			width = len(r.State)
		}
		if len(r.State) != width || width == 0 {
			return nil, fmt.Errorf("states %s: the state of %s has %d numbers, others have %d: two models have written there with the same key", dir, r.ID, len(r.State), width)
		}
		if matrices[i] == nil {
			matrices[i] = make([]float32, len(keys)*width)
		}
		for _, k := range rows[r.Key] {
			copy(matrices[i][k*width:], r.State)
			filled[i]++
		}
	}
	for i, n := range filled {
		if n != len(keys) {
			return nil, fmt.Errorf("states %s: %d of %d findings have no state %s after %d tokens: harvest them", dir, len(keys)-n, len(keys),
				FeatureName(inputs[i].Feature), inputs[i].Length)
		}
	}
	return slices.Clip(matrices), nil
}
