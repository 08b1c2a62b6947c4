package finding

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

// What follows reads and writes tables whose columns are not a finding's, in the
// same way as those that are: package dataset's training data.

// ReadLines hands each line of a document that is not blank to yield, with its
// number and without its end; gzip and byte order marks are seen through. A line
// that can't be read comes as a *RowError with its number, and the others follow.
// It stops where yield returns false.
func ReadLines(name string, r io.Reader, opts ReadOptions, yield func(line int, text []byte, err error) bool) error {
	in := &input{name: name, opts: opts, report: &Report{Name: name}}
	if err := in.open(r); err != nil {
		return err
	}
	for number := 1; ; number++ {
		line, err := in.readLine()
		end := err != nil && !errors.Is(err, errRowTooLong)
		switch {
		case err != nil && !errors.Is(err, io.EOF):
			if !yield(number, nil, &RowError{Input: name, Line: number, Err: fmt.Errorf("cannot be read: %w", err)}) {
				return nil
			}
		case len(bytes.TrimSpace(line)) > 0:
			if !yield(number, withoutLineEnd(line), nil) {
				return nil
			}
		}
		if end {
			return nil
		}
	}
}

// ReadCSVRows hands each row of a table with a header to yield, with the line on
// which it begins: RFC 4180 as the reader of findings takes it, with the
// apostrophes that guard cells from spreadsheets taken away. names are the
// header's, the same in every call. A row that can't be read comes as a
// *RowError. It stops where yield returns false.
func ReadCSVRows(name string, r io.Reader, opts ReadOptions, yield func(line int, names, cells []string, err error) bool) error {
	in := &input{name: name, opts: opts, report: &Report{Name: name}}
	if err := in.open(r); err != nil {
		return err
	}
	rows := &csvReader{in: in}
	head, err := rows.readLine()
	for err == nil && len(bytes.TrimSpace(head)) == 0 {
		head, err = rows.readLine()
	}
	header, whole := csvHeaderOf(head, nil)
	if !whole {
		return fmt.Errorf("%s:%d: expected a header with the columns' names, found %s", name, rows.line, quoteStart(head))
	}
	rows.comma = header.comma
	for {
		cells, err := rows.next()
		if err != nil && errors.Is(err, rows.ended) {
			if !errors.Is(err, io.EOF) {
				yield(rows.line, header.names, nil, &RowError{Input: name, Line: rows.line, Err: fmt.Errorf("%w: %w", ErrIncomplete, err)})
			}
			return nil
		}
		if err == nil && len(cells) != len(header.names) {
			err = fmt.Errorf("expected %d cells, as the header has, found %d", len(header.names), len(cells))
		}
		if err != nil {
			err = &RowError{Input: name, Line: rows.start, Err: err}
		}
		for i := range cells {
			cells[i] = unguard(cells[i])
		}
		if !yield(rows.start, header.names, cells, err) {
			return nil
		}
	}
}

// WriteCSVRow writes a row as [WriteCSV] does: cells are strings, which are
// guarded from spreadsheets, numbers, booleans or nil.
func WriteCSVRow(out *bufio.Writer, cells []any) { writeCSVRow(out, cells) }

// CheckParquet looks through a Parquet file that anybody may have made, before
// parquet-go is let at it: that the sizes which it says of itself are true, and that
// no page unpacks to more than most bytes.
func CheckParquet(f io.ReaderAt, size, most int64) (err error) {
	defer guardPanic("parquet", &err)
	if err := checkParquetFooter(f, size); err != nil {
		return err
	}
	file, err := parquet.OpenFile(f, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return err
	}
	rows := int64(0)
	for _, group := range file.Metadata().RowGroups {
		if rows += group.NumRows; group.NumRows < 0 || rows > size+10_000 {
			return fmt.Errorf("it is said to have more rows than its %d bytes can hold", size)
		}
		for i := range group.Columns {
			if err := checkParquetChunk(f, size, &group.Columns[i].MetaData, most); err != nil {
				return fmt.Errorf("column %d: %w", i+1, err)
			}
		}
	}
	return nil
}

// Unzip sees through gzip and byte order marks, as every reader does.
func Unzip(name string, r io.Reader) (*bufio.Reader, error) {
	in := &input{name: name}
	if err := in.open(r); err != nil {
		return nil, err
	}
	return in.r, nil
}
