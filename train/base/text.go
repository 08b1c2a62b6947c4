package base

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/januslm/janus/finding"
)

// Texts are what a model learns from.
type Texts struct {
	List    []string // none of them empty
	Bytes   int64
	Files   int
	Skipped int // files of folders that are no text
}

// ReadTexts reads files, each of them one text, .jsonl files, with a text in the key "text" of each line, and the files of
// folders in the order of their names, without hidden ones and such that are no UTF-8. What is named itself must be text.
func ReadTexts(paths []string) (*Texts, error) {
	t := &Texts{}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			if err := t.file(path); err != nil {
				return nil, err
			}
			continue
		}
		if err := t.folder(path); err != nil {
			return nil, err
		}
	}
	if len(t.List) == 0 {
		return nil, fmt.Errorf("there is no text in %s", strings.Join(paths, ", "))
	}
	return t, nil
}

func (t *Texts) folder(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path != dir && strings.HasPrefix(entry.Name(), "."):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !entry.Type().IsRegular():
			return nil
		}
		err = t.file(path)
		if errors.Is(err, errNoText) {
			t.Skipped++
			return nil
		}
		return err
	})
}

// errNoText is for files of other things.
var errNoText = errors.New("is not text in UTF-8")

func (t *Texts) file(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		return fmt.Errorf("%s: %w", path, errNoText)
	}
	t.Files++
	if strings.HasSuffix(path, ".jsonl") {
		return t.lines(path, data)
	}
	t.add(string(data))
	return nil
}

func (t *Texts) lines(path string, data []byte) error {
	lines := bufio.NewReader(bytes.NewReader(data))
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			var row struct {
				Text *string `json:"text"`
			}
			if err := json.Unmarshal(line, &row); err != nil {
				return fmt.Errorf("%s:%d: %w", path, n, finding.ExplainJSON(err))
			}
			if row.Text == nil {
				return fmt.Errorf("%s:%d: expected a text in the key \"text\"", path, n)
			}
			t.add(*row.Text)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
	}
}

func (t *Texts) add(text string) {
	if strings.TrimSpace(text) == "" {
		return
	}
	t.List = append(t.List, text)
	t.Bytes += int64(len(text))
}

// size says how much text there is.
func (t *Texts) size() string {
	if t.Bytes < 1e6 {
		return fmt.Sprintf("%.1f kB", float64(t.Bytes)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(t.Bytes)/1e6)
}
