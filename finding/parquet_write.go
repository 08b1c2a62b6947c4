package finding

import (
	"errors"
	"io"
	"reflect"

	"github.com/parquet-go/parquet-go"
)

// parquetColumns are the columns of a file: those of a finding and, after them,
// those of its verdict.
func parquetColumns() (names []string, kinds []columnKind) {
	for _, c := range findingColumns {
		names, kinds = append(names, c.name), append(kinds, c.kind)
	}
	for _, c := range verdictColumns[1:] { // its id is the finding's
		names, kinds = append(names, c.name), append(kinds, c.kind)
	}
	return names, kinds
}

// parquetSchema has texts as required strings, and numbers and JSON, which may be
// missing, as optional ones. A struct keeps the columns' order; parquet.Group would
// sort them.
func parquetSchema() *parquet.Schema {
	names, kinds := parquetColumns()
	fields := make([]reflect.StructField, len(names))
	for i, name := range names {
		kind, tag := reflect.TypeFor[string](), name
		switch kinds[i] {
		case wholeKind:
			kind, tag = reflect.TypeFor[int64](), name+",optional"
		case numberKind:
			kind, tag = reflect.TypeFor[float64](), name+",optional"
		case jsonKind:
			tag = name + ",optional"
		}
		if name == "verdict" {
			tag = name + ",optional"
		}
		fields[i] = reflect.StructField{Name: "C" + string(rune('A'+i/26)) + string(rune('A'+i%26)), Type: kind, Tag: reflect.StructTag(`parquet:"` + tag + `"`)}
	}
	return parquet.SchemaOf(reflect.New(reflect.StructOf(fields)).Interface())
}

// WriteParquet writes every finding with its verdict as a row of a Parquet file,
// compressed by Zstandard. Columns are those of [FindingColumns] and, after them,
// of [VerdictColumns] without the id. flow, fingerprints, trajectory and heads are
// JSON text. A finding that was not judged has nulls for verdict and p.
func WriteParquet(w io.Writer, reviewed []Reviewed) (err error) {
	schema := parquetSchema()
	out := parquet.NewGenericWriter[any](w, schema, parquet.Compression(&parquet.Zstd), parquet.CreatedBy("janus", "", ""))
	defer func() {
		if err != nil {
			err = errors.Join(err, out.Close())
		}
	}()
	// Levels tell a value that is there from a null: an optional column's are 1 and 0.
	levels := make([]int, len(schema.Columns()))
	for i, path := range schema.Columns() {
		if leaf, ok := schema.Lookup(path...); ok {
			levels[i] = leaf.MaxDefinitionLevel
		}
	}
	for _, r := range reviewed {
		for i := range r.Report.Findings {
			v := r.verdict(i)
			cells := append(FindingRow(&r.Report.Findings[i]), VerdictRow(&v)[1:]...)
			row := make(parquet.Row, len(cells))
			for c, cell := range cells {
				if cell == nil {
					row[c] = parquet.NullValue().Level(0, 0, c)
				} else {
					row[c] = parquet.ValueOf(cell).Level(0, levels[c], c)
				}
			}
			if _, err := out.WriteRows([]parquet.Row{row}); err != nil {
				return err
			}
		}
	}
	return out.Close()
}
