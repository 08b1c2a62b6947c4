package finding

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// columnKind is what a column's cells hold.
type columnKind int

const (
	textKind   columnKind = iota // string, "" where there is none
	wholeKind                    // int64, nil where there is none
	numberKind                   // float64, nil where there is none
	jsonKind                     // JSON text, nil where there is none
)

// column is one column of a table of T: what CSV, Parquet, SQLite and the data
// set store share. A cell is a string, an int64, a float64 or nil.
type column[T any] struct {
	name string
	kind columnKind
	get  func(*T) any
	set  func(*T, any) error // takes what a database gives: also []byte, bool, and numbers as text
}

// findingColumns are the JSON keys of Finding, in their order.
var findingColumns = []column[Finding]{
	textColumn("id", func(f *Finding) *string { return &f.ID }),
	textColumn("source", func(f *Finding) *string { return &f.Source }),
	textColumn("tool", func(f *Finding) *string { return &f.Tool }),
	textColumn("rule", func(f *Finding) *string { return &f.Rule }),
	textColumn("cwe", func(f *Finding) *string { return &f.CWE }),
	textColumn("category", func(f *Finding) *string { return &f.Category }),
	textColumn("language", func(f *Finding) *string { return &f.Language }),
	textColumn("file", func(f *Finding) *string { return &f.File }),
	lineColumn,
	endLineColumn,
	textColumn("title", func(f *Finding) *string { return &f.Title }),
	textColumn("message", func(f *Finding) *string { return &f.Message }),
	textColumn("level", func(f *Finding) *string { return &f.Level }),
	textColumn("severity", func(f *Finding) *string { return &f.Severity }),
	textColumn("snippet", func(f *Finding) *string { return &f.Snippet }),
	textColumn("focus", func(f *Finding) *string { return &f.Focus }),
	textColumn("request", func(f *Finding) *string { return &f.Request }),
	textColumn("response", func(f *Finding) *string { return &f.Response }),
	jsonColumn("flow", func(f *Finding) *[]string { return &f.Flow }, func(v []string) bool { return len(v) == 0 }),
	jsonColumn("fingerprints", func(f *Finding) *map[string]string { return &f.Fingerprints },
		func(v map[string]string) bool { return len(v) == 0 }),
	labelColumn,
	textColumn("group", func(f *Finding) *string { return &f.Group }),
	textColumn("split", func(f *Finding) *string { return &f.Split }),
}

// verdictColumns are the JSON keys of Verdict, with the finding's id first.
var verdictColumns = []column[Verdict]{
	textColumn("finding_id", func(v *Verdict) *string { return &v.ID }),
	judgedColumn,
	probabilityColumn,
	textColumn("reasoning", func(v *Verdict) *string { return &v.Reasoning }),
	wholeColumn("tokens", func(v *Verdict) *int { return &v.Tokens }),
	numberColumn("seconds", func(v *Verdict) *float64 { return &v.Seconds }),
	textColumn("note", func(v *Verdict) *string { return &v.Note }),
	textColumn("error", func(v *Verdict) *string { return &v.Error }),
	textColumn("model", func(v *Verdict) *string { return &v.Model }),
	textColumn("adapter", func(v *Verdict) *string { return &v.Adapter }),
	textColumn("head", func(v *Verdict) *string { return &v.Head }),
	textColumn("prompt", func(v *Verdict) *string { return &v.Prompt }),
	jsonColumn("trajectory", func(v *Verdict) *[]float64 { return &v.Trajectory }, func(v []float64) bool { return len(v) == 0 }),
	jsonColumn("heads", func(v *Verdict) *[]HeadVerdict { return &v.Heads }, func(v []HeadVerdict) bool { return len(v) == 0 }),
}

// FindingColumns names the columns of a table of findings: the JSON keys of
// Finding. In SQL "group" must be quoted.
func FindingColumns() []string { return columnNames(findingColumns) } //nolint:revive // beside the verdict's

// VerdictColumns names the columns of a table of verdicts.
func VerdictColumns() []string { return columnNames(verdictColumns) }

// FindingRow gives a finding's cells, as many as FindingColumns: string, int64 or
// nil. Lists and maps are JSON text.
func FindingRow(f *Finding) []any { return cells(findingColumns, f) } //nolint:revive // beside the verdict's

// VerdictRow gives a verdict's cells, as many as VerdictColumns: string, int64,
// float64 or nil. A verdict that failed has nil for verdict and p.
func VerdictRow(v *Verdict) []any { return cells(verdictColumns, v) }

// FindingFromRow makes a finding of cells in the order of FindingColumns: what
// FindingRow gave, or what a database gave for it. Its error names the column.
func FindingFromRow(row []any) (Finding, error) { return fromCells(findingColumns, row) } //nolint:revive // beside the verdict's

// VerdictFromRow makes a verdict of cells in the order of VerdictColumns.
func VerdictFromRow(row []any) (Verdict, error) { return fromCells(verdictColumns, row) }

func columnNames[T any](columns []column[T]) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	return names
}

func cells[T any](columns []column[T], of *T) []any {
	row := make([]any, len(columns))
	for i, c := range columns {
		row[i] = c.get(of)
	}
	return row
}

func fromCells[T any](columns []column[T], row []any) (T, error) {
	var out T
	if len(row) != len(columns) {
		return out, fmt.Errorf("expected %d columns, found %d", len(columns), len(row))
	}
	for i, c := range columns {
		if err := c.set(&out, row[i]); err != nil {
			return out, fmt.Errorf("column %q: %w", c.name, err)
		}
	}
	return out, nil
}

func textColumn[T any](name string, at func(*T) *string) column[T] {
	return column[T]{name, textKind,
		func(of *T) any { return *at(of) },
		func(of *T, cell any) error { *at(of) = cellText(cell); return nil }}
}

func wholeColumn[T any](name string, at func(*T) *int) column[T] {
	return column[T]{name, wholeKind,
		func(of *T) any { return int64(*at(of)) },
		func(of *T, cell any) error {
			n, _, err := cellWhole(cell)
			*at(of) = n
			return err
		}}
}

func numberColumn[T any](name string, at func(*T) *float64) column[T] {
	return column[T]{name, numberKind,
		func(of *T) any { return finiteCell(*at(of)) },
		func(of *T, cell any) (err error) {
			*at(of), err = cellNumber(cell)
			return err
		}}
}

func jsonColumn[T, V any](name string, at func(*T) *V, empty func(V) bool) column[T] {
	return column[T]{name, jsonKind,
		func(of *T) any {
			if empty(*at(of)) {
				return nil
			}
			text, err := marshal(*at(of))
			if err != nil {
				return nil // a trajectory with a NaN, which JSON cannot say
			}
			return string(text)
		},
		func(of *T, cell any) error {
			text := cellText(cell)
			if text == "" {
				return nil
			}
			if err := json.Unmarshal([]byte(text), at(of)); err != nil {
				return ExplainJSON(err)
			}
			return nil
		}}
}

// The columns whose cells are not simply those of a field.
var (
	lineColumn = column[Finding]{"line", wholeKind,
		func(f *Finding) any {
			if f.Line == nil {
				return nil
			}
			return int64(*f.Line)
		},
		func(f *Finding, cell any) error {
			n, ok, err := cellWhole(cell)
			if ok && n >= 0 {
				f.Line = &n
			} else if ok {
				err = fmt.Errorf("expected a line from 0 on, found %d", n)
			}
			return err
		}}
	endLineColumn = column[Finding]{"end_line", wholeKind,
		func(f *Finding) any {
			if f.EndLine == 0 {
				return nil
			}
			return int64(f.EndLine)
		},
		func(f *Finding, cell any) error {
			n, _, err := cellWhole(cell)
			f.EndLine = n
			return err
		}}
	labelColumn = column[Finding]{"label", textKind,
		func(f *Finding) any { return f.Label },
		func(f *Finding, cell any) error { f.Label = canonicalLabel(cellText(cell)); return nil }}
	judgedColumn = column[Verdict]{"verdict", textKind,
		func(v *Verdict) any {
			if !v.Judged() {
				return nil
			}
			return string(v.Verdict)
		},
		func(v *Verdict, cell any) error { v.Verdict = Label(cellText(cell)); return nil }}
	probabilityColumn = column[Verdict]{"p", numberKind,
		func(v *Verdict) any {
			if !v.Judged() {
				return nil
			}
			return finiteCell(v.P)
		},
		func(v *Verdict, cell any) (err error) {
			v.P, err = cellNumber(cell)
			return err
		}}
)

// canonicalLabel spells a truth as "TP" or "FP" where it is a known way to say
// one of them, and leaves others as they are.
func canonicalLabel(text string) string {
	switch strings.ToLower(strings.Trim(strings.TrimSpace(text), ".")) {
	case "tp", "true", "1", "1.0", "t", "yes", "y", "vulnerable", "true positive", "true_positive", "true-positive", "real", "positive":
		return "TP"
	case "fp", "false", "0", "0.0", "f", "no", "n", "not vulnerable", "not_vulnerable", "not-vulnerable", "safe",
		"false positive", "false_positive", "false-positive", "false alarm", "negative":
		return "FP"
	}
	return text
}

// finiteCell is nil for what neither JSON nor SQL has a number for.
func finiteCell(x float64) any {
	if p := finite(x); p != nil {
		return *p
	}
	return nil
}

// cellText is any cell as text; nil is "".
func cellText(cell any) string {
	switch v := cell.(type) {
	case nil:
		return ""
	case string:
		return strings.ToValidUTF8(v, "\uFFFD")
	case []byte:
		return strings.ToValidUTF8(string(v), "\uFFFD")
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return fmt.Sprint(cell)
}

// cellWhole is a cell as a whole number; false where the cell is empty.
func cellWhole(cell any) (n int, ok bool, err error) {
	switch v := cell.(type) {
	case int64:
		return int(v), true, nil
	case bool:
		if v {
			n = 1
		}
		return n, true, nil
	}
	x, err := cellNumber(cell)
	switch {
	case err != nil:
		return 0, false, err
	case cell == nil || strings.TrimSpace(cellText(cell)) == "":
		return 0, false, nil
	case x != math.Trunc(x) || math.Abs(x) > 1<<53:
		return 0, false, fmt.Errorf("expected a whole number, found %s", cellText(cell))
	}
	return int(x), true, nil
}

// cellNumber is a cell as a number, 0 where it is empty.
func cellNumber(cell any) (float64, error) {
	switch v := cell.(type) {
	case float64:
		return v, nil
	case int64:
		return float64(v), nil
	}
	text := strings.TrimSpace(cellText(cell))
	if text == "" {
		return 0, nil
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		return 0, fmt.Errorf("expected a number, found %q", firstBytes(text, 40))
	}
	return x, nil
}
