package dataset

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"

	"github.com/januslm/janus/finding"
)

// maxPage is the most bytes that a page of a Parquet file may unpack to.
const maxPage = 1 << 30

// openParquet opens a file that anybody may have made, and names its columns that are not lists, by their places.
func openParquet(r io.ReaderAt, size int64) (f *parquet.File, leaves map[int]string, err error) {
	defer recoverParquet(&err)
	if err := finding.CheckParquet(r, size, maxPage); err != nil {
		return nil, nil, err
	}
	if f, err = parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true)); err != nil {
		return nil, nil, err
	}
	leaves = map[int]string{}
	for _, column := range f.Root().Columns() {
		if column.Leaf() && !column.Repeated() {
			leaves[column.Index()] = column.Name()
		}
	}
	return f, leaves, nil
}

// recoverParquet makes an error of a panic: the library panics on some damaged files.
func recoverParquet(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("damaged Parquet: %v", r)
	}
}

// parquetRows is how many rows are read at once.
const parquetRows = 64

// readParquetExamples reads a Parquet file of any types: those that say a truth, and texts.
func readParquetExamples(name string, f *parquet.File, leaves map[int]string, yield rowFunc) error {
	number := 0
	for _, group := range f.RowGroups() {
		if err := readRowGroup(group, leaves, func(cells map[string]any) bool {
			number++
			e, err := exampleOf(cells)
			if err != nil {
				err = &finding.RowError{Input: name, Where: fmt.Sprintf("row %d", number), Err: err}
			}
			return yield(e, err)
		}); errors.Is(err, errStop) {
			return nil
		} else if err != nil {
			yield(Example{}, &finding.RowError{Input: name, Where: fmt.Sprintf("row %d", number+1), Err: fmt.Errorf("cannot be read further: %w", err)})
			return nil
		}
	}
	return nil
}

// errStop ends the reading of row groups.
var errStop = errors.New("stop")

func readRowGroup(group parquet.RowGroup, leaves map[int]string, yield func(map[string]any) bool) (err error) {
	defer recoverParquet(&err)
	rows := group.Rows()
	defer func() { err = errors.Join(err, rows.Close()) }()
	buffer := make([]parquet.Row, parquetRows)
	for {
		n, err := rows.ReadRows(buffer)
		for _, row := range buffer[:n] {
			cells := map[string]any{}
			for _, value := range row {
				if column, ok := leaves[value.Column()]; ok {
					cells[column] = parquetCell(value)
				}
			}
			if !yield(cells) {
				return errStop
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil || n == 0 {
			return errors.Join(err, io.ErrNoProgress)
		}
	}
}

// parquetCell is a value as exampleOf takes it. Bytes are copied: the reader uses their place again.
func parquetCell(v parquet.Value) any {
	switch {
	case v.IsNull():
		return nil
	case v.Kind() == parquet.Boolean:
		return v.Boolean()
	case v.Kind() == parquet.Int32:
		return int64(v.Int32())
	case v.Kind() == parquet.Int64:
		return v.Int64()
	case v.Kind() == parquet.Float:
		return float64(v.Float())
	case v.Kind() == parquet.Double:
		return v.Double()
	}
	return string(v.ByteArray())
}

// parquetTable writes rows of cells (string, int64, bool or nil) as a Parquet file, compressed with Zstandard.
type parquetTable struct {
	w       *parquet.GenericWriter[any]
	order   []int // of each leaf, which stand by name in the file, the place of its cell in a row
	defined []int // of each leaf, the definition level of a value that is there: 1 in a column that may be empty
}

// newParquetTable begins a file with columns of these names and types.
func newParquetTable(w io.Writer, names []string, kinds []parquet.Node) *parquetTable {
	group := parquet.Group{}
	place := map[string]int{}
	for i, name := range names {
		group[name], place[name] = parquet.Compressed(kinds[i], &parquet.Zstd), i
	}
	schema := parquet.NewSchema("rows", group)
	t := &parquetTable{w: parquet.NewGenericWriter[any](w, schema)}
	for _, path := range schema.Columns() {
		t.order = append(t.order, place[path[0]])
		t.defined = append(t.defined, map[bool]int{true: 1}[group[path[0]].Optional()])
	}
	return t
}

// write writes one row.
func (t *parquetTable) write(cells []any) error {
	row := make(parquet.Row, len(t.order))
	for leaf, at := range t.order {
		if cells[at] == nil {
			row[leaf] = parquet.NullValue().Level(0, 0, leaf)
		} else {
			row[leaf] = parquet.ValueOf(cells[at]).Level(0, t.defined[leaf], leaf)
		}
	}
	_, err := t.w.WriteRows([]parquet.Row{row})
	return err
}

// close writes the file's footer.
func (t *parquetTable) close() error { return t.w.Close() }
