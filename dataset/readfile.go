package dataset

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/januslm/janus/finding"
)

// ReadExamples reads a file of training data, JSON lines or CSV (such as `janus data export` writes, with conversations or
// without), in its order. ok is false of a file that holds something else. problems are rows that cannot be read, each a
// *finding.RowError. Rows without an id get that of their place, counted from 1, and those without a source the file's name.
func ReadExamples(path string) (list []Example, problems []error, ok bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, false, err
	}
	defer f.Close() //nolint:errcheck // only read
	r, err := finding.Unzip(path, f)
	if err != nil {
		return nil, nil, false, err
	}
	start, err := r.Peek(sniffBytes)
	if err != nil && len(start) == 0 && !errors.Is(err, io.EOF) {
		return nil, nil, false, fmt.Errorf("%s: cannot be read: %w", path, err)
	}
	read := map[string]func(string, io.Reader, rowFunc) error{"jsonl": readJSONLExamples, "csv": readCSVExamples}[looksLikeExamples(start)]
	if read == nil {
		return nil, nil, false, nil
	}
	err = read(path, r, func(e Example, err error) bool {
		if err != nil {
			problems = append(problems, err)
			return true
		}
		if e.ID == 0 {
			e.ID = int64(len(list) + len(problems) + 1)
		}
		if e.Source == "" {
			e.Source = filepath.Base(path)
		}
		list = append(list, e)
		return true
	})
	return list, problems, true, err
}
