package finding

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/parquet-go/parquet-go"
	parquetmeta "github.com/parquet-go/parquet-go/format"
)

// parquetFormat is Apache Parquet with a row a finding. Columns are known by name,
// as those of CSV are; others, and nested ones but lists of texts, are ignored.
var parquetFormat = format{
	name:  "parquet",
	what:  "Parquet",
	sniff: isParquet,
	read:  readParquet,
}

func readParquet(in *input) error {
	f, size, remove, err := in.spill()
	if err != nil {
		return err
	}
	defer remove()
	table, err := openParquet(f, size, in.opts.maxBytes())
	if err != nil {
		return fmt.Errorf("%s: %w", in.name, err)
	}
	for group := range table.groups {
		err := table.open(group)
		for err == nil {
			var row Finding
			var bad error
			if row, bad, err = table.next(); err != nil {
				break
			}
			in.report.Total++
			if bad != nil {
				if !in.problem(&RowError{Where: fmt.Sprintf("row %d", in.report.Total), Err: bad}) {
					return nil
				}
			} else if !in.row(row, 0) {
				return nil
			}
		}
		if !errors.Is(err, io.EOF) {
			if in.report.Total == 0 {
				return fmt.Errorf("%s: %w", in.name, err)
			}
			// What came before is kept; rows after it would stand in wrong columns.
			in.problem(&RowError{Where: fmt.Sprintf("after row %d", in.report.Total), Err: fmt.Errorf("%w: %w", ErrIncomplete, err)})
			return nil
		}
	}
	return nil
}

// parquetTable reads the columns that are a finding's, and no others.
type parquetTable struct {
	file    *os.File
	size    int64
	most    int64 // bytes of text that may still be read
	meta    *parquetmeta.FileMetaData
	groups  []parquet.RowGroup
	leaves  []int    // of each column, the leaf in the file
	columns []int    // of each column, the index in findingColumns
	names   []string // of each column, its name in the file
	lists   []bool   // of each column, whether a cell is a list
	readers []*parquetColumn
	left    int64 // rows of the open group that are still to come
	rows    int64 // rows of all groups that may still come
}

func openParquet(f *os.File, size, most int64) (t *parquetTable, err error) {
	defer guardPanic("parquet", &err)
	if err := checkParquetFooter(f, size); err != nil {
		return nil, err
	}
	file, err := parquet.OpenFile(f, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, err
	}
	// A row of a table with text of its own takes a byte at least.
	t = &parquetTable{file: f, size: size, most: most, meta: file.Metadata(), groups: file.RowGroups(), rows: size + 10_000}
	paths := file.Schema().Columns()
	names := make([]string, len(paths))
	for leaf, path := range paths {
		if len(path) == 1 || len(path) == 3 && (path[2] == "element" || path[2] == "item" || path[2] == "array_element") {
			names[leaf] = path[0]
		}
	}
	columns, known := columnsNamed(names, nil)
	if known == 0 {
		return nil, fmt.Errorf("no column is one of a finding: expected some of %s, found %s",
			strings.Join(FindingColumns(), ", "), firstBytes(strings.Join(names, ", "), 200))
	}
	for leaf, column := range columns {
		if column >= 0 {
			t.leaves, t.columns, t.names = append(t.leaves, leaf), append(t.columns, column), append(t.names, names[leaf])
			t.lists = append(t.lists, len(paths[leaf]) > 1)
		}
	}
	return t, nil
}

// open begins with a row group.
func (t *parquetTable) open(group int) (err error) {
	defer guardPanic("row group", &err)
	t.readers = nil
	chunks := t.groups[group].ColumnChunks()
	meta := t.meta.RowGroups
	if t.left = t.groups[group].NumRows(); t.left < 0 || group >= len(meta) {
		return errThrift
	}
	if t.rows -= t.left; t.rows < 0 {
		return fmt.Errorf("it is said to have more rows than its %d bytes can hold", t.size)
	}
	for i, leaf := range t.leaves {
		if leaf >= len(chunks) || leaf >= len(meta[group].Columns) {
			return errors.New("it is corrupt: a column is missing")
		}
		if err := checkParquetChunk(t.file, t.size, &meta[group].Columns[leaf].MetaData, t.most); err != nil {
			return fmt.Errorf("column %q: %w", t.names[i], err)
		}
		t.readers = append(t.readers, &parquetColumn{
			reader: parquet.NewColumnChunkValueReader(chunks[leaf]),
			list:   t.lists[i],
		})
	}
	return nil
}

// next gives the next row. bad is about this row only; err ends the group, with
// io.EOF where all its rows have been read.
func (t *parquetTable) next() (f Finding, bad, err error) {
	defer guardPanic("row", &err)
	if t.left == 0 {
		return f, nil, io.EOF
	}
	t.left--
	for i, reader := range t.readers {
		cell, err := reader.next(&t.most)
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return f, nil, fmt.Errorf("column %q: %w", t.names[i], err)
		}
		if err := findingColumns[t.columns[i]].set(&f, cell); err != nil && bad == nil {
			bad = fmt.Errorf("column %q: %w", t.names[i], err)
		}
	}
	return f, bad, nil
}

// parquetColumn gives one column's cells, a row at a time.
type parquetColumn struct {
	reader parquet.ColumnChunkValueReader
	list   bool // a row is a list of values
	buffer [64]parquet.Value
	at, n  int
	last   string // the last text, which is often the next one's too
}

// peek is the next value.
func (c *parquetColumn) peek() (parquet.Value, error) {
	for c.at == c.n {
		n, err := c.reader.ReadValues(c.buffer[:])
		c.at, c.n = 0, n
		if n == 0 && err != nil {
			return parquet.Value{}, err
		}
	}
	return c.buffer[c.at], nil
}

// next is the next row's cell: nil, a bool, an int64, a float64, a string, or the
// JSON text of a list. Texts count against most.
func (c *parquetColumn) next(most *int64) (any, error) {
	value, err := c.peek()
	if err != nil {
		return nil, err
	}
	c.at++
	cell, err := c.cell(value, most)
	if !c.list || err != nil {
		return cell, err
	}
	var list []string
	for {
		if cell != nil {
			list = append(list, cellText(cell))
		}
		value, err := c.peek()
		if errors.Is(err, io.EOF) || err == nil && value.RepetitionLevel() == 0 {
			break
		}
		if err != nil {
			return nil, err
		}
		c.at++
		if cell, err = c.cell(value, most); err != nil {
			return nil, err
		}
	}
	if list == nil {
		return nil, nil
	}
	text, err := marshal(list)
	return string(text), err
}

func (c *parquetColumn) cell(value parquet.Value, most *int64) (any, error) {
	if value.IsNull() {
		return nil, nil
	}
	switch value.Kind() {
	case parquet.Boolean:
		return value.Boolean(), nil
	case parquet.Int32:
		return int64(value.Int32()), nil
	case parquet.Int64:
		return value.Int64(), nil
	case parquet.Float:
		return float64(value.Float()), nil
	case parquet.Double:
		return value.Double(), nil
	case parquet.ByteArray, parquet.FixedLenByteArray:
		text := value.ByteArray()
		if string(text) != c.last {
			if *most -= int64(len(text)); *most < 0 {
				return nil, errors.New("its text is longer than the limit: split the report")
			}
			c.last = string(text)
		}
		return c.last, nil
	}
	return value.String(), nil
}
