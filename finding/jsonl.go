package finding

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// jsonlFormat is the project's own: one Finding a line. It is read row by row,
// so a file may be larger than memory.
var jsonlFormat = format{
	name: "jsonl",
	what: "JSON lines of findings",
	sniff: func(head []byte) bool {
		head = bytes.TrimSpace(head)
		if len(head) == 0 || head[0] != '{' {
			return false
		}
		// Some line is a finding by itself. A pretty-printed document has none.
		for line := range bytes.Lines(head) {
			var row map[string]json.RawMessage
			if json.Unmarshal(line, &row) == nil && (row["snippet"] != nil || row["request"] != nil ||
				row["response"] != nil || row["message"] != nil || row["title"] != nil || row["smell"] != nil) {
				return true
			}
		}
		return false
	},
	read: readJSONL,
}

// brokenRow: the only line of the document is a broken row, or one too long to be seen whole.
func brokenRow(head []byte) bool {
	head = bytes.TrimSpace(head)
	return len(head) > 0 && head[0] == '{' && bytes.IndexByte(head, '\n') < 0 && !json.Valid(head) && bytes.Contains(head, []byte(`":`))
}

func readJSONL(in *input) error {
	for number := 1; ; number++ {
		line, err := in.readLine()
		switch {
		case errors.Is(err, errRowTooLong):
			if !in.problem(&RowError{Line: number, Err: fmt.Errorf("%w of %d bytes", err, in.opts.maxBytes())}) {
				return nil
			}
			continue
		case err != nil && !errors.Is(err, io.EOF):
			// A gzip file cut short: what came before is kept.
			in.problem(&RowError{Line: number, Err: fmt.Errorf("%w: %w", ErrIncomplete, err)})
			return nil
		}
		if row := bytes.TrimSpace(line); len(row) > 0 {
			in.report.Total++
			if !in.jsonlRow(row, bytes.Index(line, row), number) {
				return nil
			}
		}
		if err != nil {
			return nil
		}
	}
}

// jsonlRow reads one row, which begins column bytes into its line.
func (in *input) jsonlRow(row []byte, column, number int) bool {
	row, bad := validText(row)
	f, extra, err := rowFinding(row)
	if err != nil {
		e := &RowError{Line: number, Err: ExplainJSON(err)}
		if offset, ok := syntaxOffset(err); ok {
			e.Column = column + int(offset) + 1
		}
		return in.problem(e)
	}
	if bad > 0 {
		f.note("%s", invalidUTF8Note(bad))
	}
	if extra != nil && in.whole {
		if in.report.iac == nil {
			in.report.iac = map[int]iacExtra{}
		}
		in.report.iac[in.report.Total-1] = *extra
	}
	return in.row(f, number)
}

// rowFinding reads a row of either kind: a finding, or one of the study's on
// infrastructure code, which has a smell and no snippet.
func rowFinding(row []byte) (f Finding, extra *iacExtra, err error) {
	var kind struct {
		Smell   *string         `json:"smell"`
		Snippet json.RawMessage `json:"snippet"`
	}
	if bytes.Contains(row, []byte(`"smell"`)) && json.Unmarshal(row, &kind) == nil && kind.Smell != nil && kind.Snippet == nil {
		f, x, err := iacFinding(row)
		return f, &x, err
	}
	err = json.Unmarshal(row, &f)
	return f, nil, err
}

// ExplainJSON puts encoding/json's errors in the terms of the file.
func ExplainJSON(err error) error {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		if kind.Field == "" {
			return fmt.Errorf("expected a JSON object, found a JSON %s", kind.Value)
		}
		field := kind.Field[strings.LastIndexByte(kind.Field, '.')+1:] // without the embedded type's name
		expected := kind.Type.String()
		switch kind.Type.Kind() {
		case reflect.Float64, reflect.Int, reflect.Int64:
			expected = "number"
		case reflect.Slice:
			expected = "list"
		case reflect.Map, reflect.Struct:
			expected = "JSON object"
		}
		return fmt.Errorf("field %q: expected a %s, found a JSON %s", field, expected, kind.Value)
	}
	if syntax := (*json.SyntaxError)(nil); !errors.As(err, &syntax) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return fmt.Errorf("broken JSON: %w", err)
}
