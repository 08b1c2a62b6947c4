package dataset

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/januslm/janus/finding"
)

// rowFunc takes one row of a file, or the error of one that cannot be read; false stops.
type rowFunc func(Example, error) bool

// columns that a file of examples must have: the truth, and something that it is about.
const truthColumn = "is_vulnerable"

// exampleOf makes an example of a row's cells, which are by the columns' names: string, json.Number, bool, int64, float64 or nil.
func exampleOf(cells map[string]any) (Example, error) {
	var e Example
	truth, there := cells[truthColumn]
	if !there || truth == nil || truth == "" {
		return e, fmt.Errorf("column %q: expected TP or FP, true or false, 1 or 0, found nothing", truthColumn)
	}
	text, err := cellText(truth)
	if err == nil {
		e.IsVulnerable, err = ParseLabel(text)
	}
	if err != nil {
		return e, fmt.Errorf("column %q: %w", truthColumn, err)
	}
	for i, place := range e.fields() {
		if to, ok := place.(*string); ok {
			if *to, err = cellText(cells[exampleColumns[i]]); err != nil {
				return e, fmt.Errorf("column %q: %w", exampleColumns[i], err)
			}
		}
	}
	// An id that is no number was another store's; this one gives its own.
	if id, err := cellText(cells["id"]); err == nil {
		if n, err := strconv.ParseInt(id, 10, 64); err == nil && n > 0 && n < math.MaxInt64 {
			e.ID = n
		}
	}
	return e, e.Check()
}

// cellText is a cell as text; bytes that are not UTF-8 become U+FFFD, as encoding/json has it.
func cellText(cell any) (string, error) {
	switch v := cell.(type) {
	case nil:
		return "", nil
	case string:
		return strings.ToValidUTF8(v, "\uFFFD"), nil
	case []byte:
		return strings.ToValidUTF8(string(v), "\uFFFD"), nil
	case json.Number:
		return v.String(), nil
	case bool, int64:
		return fmt.Sprint(v), nil
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), nil
	}
	return "", fmt.Errorf("expected a text, found %s", map[bool]string{true: "a list", false: "an object"}[isList(cell)])
}

func isList(cell any) bool {
	_, ok := cell.([]any)
	return ok
}

// readJSONLExamples reads JSON lines, an object a row.
func readJSONLExamples(name string, r io.Reader, yield rowFunc) error {
	return finding.ReadLines(name, r, finding.ReadOptions{}, func(line int, text []byte, err error) bool {
		if err != nil {
			return yield(Example{}, err)
		}
		cells, err := decodeObject(text)
		var e Example
		if err == nil {
			e, err = exampleOf(cells)
		}
		if err != nil {
			err = &finding.RowError{Input: name, Line: line, Err: err}
		}
		return yield(e, err)
	})
}

// decodeObject reads one JSON object and nothing after it.
func decodeObject(text []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // an id must not become a float
	var cells map[string]any
	if err := d.Decode(&cells); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) {
			return nil, fmt.Errorf("expected a JSON object, found a JSON %s", kind.Value)
		}
		return nil, fmt.Errorf("broken JSON: %w", err)
	}
	if cells == nil {
		return nil, errors.New("expected a JSON object, found null")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("broken JSON: something follows the object")
	}
	return cells, nil
}

// readCSVExamples reads a table with a header row.
func readCSVExamples(name string, r io.Reader, yield rowFunc) error {
	var lower []string
	return finding.ReadCSVRows(name, r, finding.ReadOptions{}, func(line int, names, row []string, err error) bool {
		if err != nil {
			return yield(Example{}, err)
		}
		if lower == nil {
			for _, n := range names {
				lower = append(lower, strings.ToLower(strings.TrimSpace(n)))
			}
		}
		cells := map[string]any{}
		for i, cell := range row {
			if _, taken := cells[lower[i]]; !taken {
				cells[lower[i]] = cell
			}
		}
		e, err := exampleOf(cells)
		if err != nil {
			err = &finding.RowError{Input: name, Line: line, Err: err}
		}
		return yield(e, err)
	})
}

// looksLikeExamples says whether a document that begins with head has rows of examples, and in which format: "jsonl", "csv" or "".
func looksLikeExamples(head []byte) string {
	if first := bytes.TrimSpace(head); len(first) > 0 && first[0] == '{' {
		for line := range bytes.Lines(head) {
			if cells, err := decodeObject(bytes.TrimSpace(line)); err == nil {
				return map[bool]string{true: "jsonl"}[hasColumns(slices.Collect(maps.Keys(cells)))]
			}
		}
		// The first row is longer than the head, or no row can be read: its keys stand in it all the same.
		if bytes.Contains(head, []byte(`"`+truthColumn+`"`)) {
			return "jsonl"
		}
		return ""
	}
	line, _, _ := bytes.Cut(bytes.TrimLeft(head, "\r\n"), []byte{'\n'})
	var names []string
	for name := range strings.FieldsFuncSeq(string(line), func(r rune) bool { return r == ',' || r == ';' || r == '\t' || r == '\r' }) {
		names = append(names, strings.ToLower(strings.Trim(name, `" `)))
	}
	return map[bool]string{true: "csv"}[hasColumns(names)]
}

// hasColumns says whether these are the columns of examples.
func hasColumns(names []string) bool {
	return slices.Contains(names, truthColumn) && (slices.Contains(names, "request") || slices.Contains(names, "response"))
}

// exampleRow is an example's cells for a table: the id, then those of exampleColumns.
func exampleRow(e *Example) []any { return append([]any{e.ID}, e.values()...) }

// exampleHeader names the cells of exampleRow.
func exampleHeader() []string { return append([]string{"id"}, exampleColumns...) }

// writeLine writes a value as one JSON line; <, > and & stay as they are.
func writeLine(w *bufio.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
