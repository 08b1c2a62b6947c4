package weights

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"unicode/utf8"
)

// maxIndex bounds the size of an index file; that of a model with 100,000
// tensors has about 10 MB.
const maxIndex = 100_000_000

// openIndex opens the shards that a *.index.json lists:
// {"metadata": {...}, "weight_map": {"tensor name": "file name", ...}}.
// A tensor that a shard has but the index does not list is left out.
func openIndex(path string) (*Checkpoint, error) {
	places, err := readIndex(path)
	if err != nil {
		return nil, err
	}
	c, shards := &Checkpoint{}, map[string]*shard{}
	for _, p := range places {
		if shards[p.file] == nil {
			s, err := openShard(filepath.Join(filepath.Dir(path), p.file))
			if errors.Is(err, os.ErrNotExist) {
				err = &FormatError{File: path, Tensor: p.tensor, Problem: "its shard is missing (incomplete download?)",
					Expected: "file " + p.file, Found: "no such file"}
			}
			if err != nil {
				return nil, errors.Join(err, c.Close())
			}
			shards[p.file] = s
			c.shards = append(c.shards, s)
		}
		s := shards[p.file]
		e, ok := s.header.find(p.tensor)
		if !ok {
			err := &FormatError{File: path, Tensor: p.tensor, Problem: "the index and the shard do not agree",
				Expected: "it in " + p.file, Found: fmt.Sprintf("%d other tensors there", len(s.header.entries))}
			return nil, errors.Join(err, c.Close())
		}
		c.entries = append(c.entries, shardEntry{e, s})
	}
	slices.SortFunc(c.shards, func(a, b *shard) int { return cmp.Compare(a.path, b.path) })
	return c, nil
}

// place says in which file a tensor is.
type place struct{ tensor, file string }

// readIndex returns the weight_map, sorted by tensor.
func readIndex(path string) ([]place, error) {
	bad := func(tensor, problem, expected, found string) error {
		return &FormatError{File: path, Tensor: tensor, Problem: problem, Expected: expected, Found: found}
	}
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if info.Size() > maxIndex {
		return nil, bad("", "index is over the size limit", fmt.Sprintf("at most %d bytes", maxIndex), fmt.Sprint(info.Size()))
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(text) {
		return nil, bad("", "index is not valid UTF-8", "", "")
	}
	var places []place
	s, found := &scanner{data: text}, false
	err = s.object(func(key string) error {
		if key != "weight_map" {
			return s.skip(0)
		}
		found = true
		return s.object(func(tensor string) error {
			file, err := s.str()
			if err != nil {
				return err
			}
			if file != filepath.Base(file) || !filepath.IsLocal(file) {
				return bad(tensor, "shard outside the folder", "a plain file name", fmt.Sprintf("%q", file))
			}
			places = append(places, place{tensor, file})
			return nil
		})
	})
	if err == nil {
		err = s.end()
	}
	if err != nil {
		if fe := (*FormatError)(nil); errors.As(err, &fe) {
			return nil, err
		}
		return nil, bad("", "index is not valid: "+err.Error(), "", "")
	}
	if !found || len(places) == 0 {
		return nil, bad("", "index lists no tensor", "a weight_map with at least one", "none")
	}
	slices.SortFunc(places, func(a, b place) int { return cmp.Compare(a.tensor, b.tensor) })
	for i := 1; i < len(places); i++ {
		if places[i].tensor == places[i-1].tensor {
			return nil, bad(places[i].tensor, "occurs twice in the index", "", "")
		}
	}
	return places, nil
}
