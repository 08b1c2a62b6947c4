package finding

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	parquetmeta "github.com/parquet-go/parquet-go/format"
)

// parquet-go believes what a file says of its own sizes, and a list that is said
// to have two thousand million elements is made before its first one is read.
// Running out of memory can't be recovered from, so sizes are checked here before
// parquet-go sees them: of the footer's lists, and of every page that will be read.

var errThrift = errors.New("it is corrupt: a size in its metadata is larger than the file")

// thriftReader walks over a struct of Thrift's compact protocol
// (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md).
type thriftReader struct {
	data []byte
	at   int
}

// walk goes over a value of a kind. visit is told the integers of structs by path:
// the ids of the fields that lead to one, a byte each. True is 1 and false is -1,
// to tell it from a field that is not there.
func (r *thriftReader) walk(kind byte, path uint64, depth int, visit func(path uint64, value int64)) error {
	const maxDepth = 32
	if depth > maxDepth {
		return errors.New("it is corrupt: its metadata is nested too deep")
	}
	switch kind {
	case 1, 2: // true, false: the kind is the value
		if visit != nil {
			visit(path, 3-2*int64(kind))
		}
		return nil
	case 3:
		return r.skip(1)
	case 4, 5, 6:
		n, err := r.varint()
		if err == nil && visit != nil {
			visit(path, int64(n>>1)^-int64(n&1)) // zigzag
		}
		return err
	case 7:
		return r.skip(8)
	case 8:
		n, err := r.varint()
		if err != nil || n > uint64(len(r.data)) {
			return errThrift
		}
		return r.skip(int(n))
	case 9, 10:
		return r.list(path, depth, visit)
	case 11:
		return r.mapping(path, depth)
	case 12:
		return r.structure(path, depth, visit)
	case 13:
		return r.skip(16)
	}
	return fmt.Errorf("it is corrupt: its metadata has a field of the unknown kind %d", kind)
}

func (r *thriftReader) skip(n int) error {
	if n > len(r.data)-r.at {
		return errThrift
	}
	r.at += n
	return nil
}

func (r *thriftReader) byte() (byte, error) {
	if r.at >= len(r.data) {
		return 0, errThrift
	}
	r.at++
	return r.data[r.at-1], nil
}

func (r *thriftReader) varint() (uint64, error) {
	n, size := binary.Uvarint(r.data[r.at:])
	if size <= 0 {
		return 0, errThrift
	}
	r.at += size
	return n, nil
}

func (r *thriftReader) list(path uint64, depth int, visit func(uint64, int64)) error {
	head, err := r.byte()
	if err != nil {
		return err
	}
	n, kind := uint64(head>>4), head&15
	if n == 15 {
		if n, err = r.varint(); err != nil {
			return err
		}
	}
	room := uint64(len(r.data) - r.at)
	if kind == 12 {
		room /= 2 // no struct that Parquet has is shorter
	}
	if n > room {
		return errThrift
	}
	for range n {
		if kind == 1 || kind == 2 {
			err = r.skip(1) // in a list a boolean takes a byte
		} else {
			err = r.walk(kind, path<<8, depth+1, visit)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *thriftReader) mapping(path uint64, depth int) error {
	n, err := r.varint()
	if err != nil || n == 0 {
		return err
	}
	if n > uint64(len(r.data)-r.at) {
		return errThrift
	}
	kinds, err := r.byte()
	for ; n > 0 && err == nil; n-- {
		if err = r.walk(kinds>>4, path<<8, depth+1, nil); err == nil {
			err = r.walk(kinds&15, path<<8, depth+1, nil)
		}
	}
	return err
}

func (r *thriftReader) structure(path uint64, depth int, visit func(uint64, int64)) error {
	id := uint64(0)
	for {
		head, err := r.byte()
		if err != nil {
			return err
		}
		if head == 0 {
			return nil
		}
		if delta := head >> 4; delta > 0 {
			id += uint64(delta)
		} else {
			n, err := r.varint()
			if err != nil {
				return err
			}
			id = n >> 1
		}
		if err := r.walk(head&15, path<<8|id&0xff, depth+1, visit); err != nil {
			return err
		}
	}
}

const parquetMagic = "PAR1"

// checkParquetFooter sees to it that the footer is there and its sizes are true.
func checkParquetFooter(f io.ReaderAt, size int64) error {
	var tail [8]byte
	if size < 12 {
		return errors.New("it is cut short: a Parquet file has 12 bytes at least")
	}
	if _, err := f.ReadAt(tail[:], size-8); err != nil {
		return err
	}
	if string(tail[4:]) != parquetMagic {
		return fmt.Errorf("it is cut short, or encrypted: expected %s at its end, found %q", parquetMagic, tail[4:])
	}
	n := int64(binary.LittleEndian.Uint32(tail[:4]))
	const most = 64 << 20
	if n > size-12 || n > most {
		return errThrift
	}
	footer := make([]byte, n)
	if _, err := f.ReadAt(footer, size-8-n); err != nil {
		return err
	}
	return (&thriftReader{data: footer}).walk(12, 0, 0, nil)
}

// Fields of a page header, as thriftReader's paths.
const (
	pageUncompressed = 2
	pageCompressed   = 3
	pageV1           = 5 << 8 // data_page_header
	pageDictionary   = 7 << 8 // dictionary_page_header
	pageV2           = 8 << 8 // data_page_header_v2
)

const (
	maxPageValues = 4 << 20 // no writer known to us puts more than a million into one
	maxPageHeader = 1 << 20
	deltaStrings  = int64(parquetmeta.DeltaByteArray)
)

// checkParquetChunk goes over the page headers of one column of one row group.
func checkParquetChunk(f io.ReaderAt, size int64, meta *parquetmeta.ColumnMetaData, most int64) error {
	at := meta.DataPageOffset
	if meta.DictionaryPageOffset != 0 {
		at = meta.DictionaryPageOffset
	}
	if at < 4 || meta.TotalCompressedSize < 0 || at > size || meta.TotalCompressedSize > size-at {
		return errThrift
	}
	for end := at + meta.TotalCompressedSize; at < end; {
		n, err := checkParquetPage(f, at, end, meta.Codec, most)
		if err != nil {
			return err
		}
		at += n
	}
	return nil
}

// checkParquetPage checks the page that begins at a place, and gives its length.
func checkParquetPage(f io.ReaderAt, at, end int64, codec parquetmeta.CompressionCodec, most int64) (int64, error) {
	fields, head, err := readPageHeader(f, at, end)
	if err != nil {
		return 0, err
	}
	compressed, uncompressed := fields[pageCompressed], fields[pageUncompressed]
	values := max(fields[pageV1|1], fields[pageDictionary|1], fields[pageV2|1], fields[pageV2|3])
	// A page of text hardly compresses better than this, and small ones may hold one value many times.
	most = min(most, 8<<20+200*compressed)
	switch {
	case compressed < 0 || compressed > end-at-head:
		return 0, errThrift
	case uncompressed < 0 || uncompressed > most:
		return 0, fmt.Errorf("a page is said to have %d bytes from %d: that is more than is read", uncompressed, compressed)
	case values > maxPageValues:
		return 0, fmt.Errorf("a page is said to have %d values: that is more than is read", values)
	case fields[pageV1|2] == deltaStrings || fields[pageV2|4] == deltaStrings:
		return 0, errors.New("the encoding DELTA_BYTE_ARRAY is not read, since its size can't be told beforehand: write the file with plain or dictionary encoding")
	}
	levels := fields[pageV2|5] + fields[pageV2|6] // of a page of version 2 these are never compressed
	if levels < 0 || levels > compressed || levels > uncompressed {
		return 0, errThrift
	}
	body := io.NewSectionReader(f, at+head+levels, compressed-levels)
	if fields[pageV2|7] == -1 { // is_compressed
		return head + compressed, nil
	}
	if err := checkInflated(body, codec, uncompressed-levels); err != nil {
		return 0, err
	}
	return head + compressed, nil
}

// readPageHeader gives a header's integers, and its length.
func readPageHeader(f io.ReaderAt, at, end int64) (fields map[uint64]int64, length int64, err error) {
	for window := int64(4 << 10); ; window *= 16 {
		data := make([]byte, min(window, end-at))
		if _, err := f.ReadAt(data, at); err != nil {
			return nil, 0, err
		}
		fields = map[uint64]int64{}
		r := &thriftReader{data: data}
		err := r.walk(12, 0, 0, func(path uint64, value int64) { fields[path] = value })
		if err == nil {
			return fields, int64(r.at), nil
		}
		if int64(len(data)) == end-at || window > maxPageHeader {
			return nil, 0, err
		}
	}
}

// checkInflated decompresses a page without keeping it, to see that it has no more
// bytes than it is said to have. Snappy says its own size, and LZ4 can't grow
// beyond what the bound of a page allows.
func checkInflated(body *io.SectionReader, codec parquetmeta.CompressionCodec, want int64) error {
	var r io.Reader
	switch codec {
	case parquetmeta.Snappy:
		head := make([]byte, min(body.Size(), binary.MaxVarintLen64))
		if _, err := io.ReadFull(body, head); err != nil {
			return err
		}
		if n, err := snappy.DecodedLen(head); len(head) > 0 && (err != nil || int64(n) > want) {
			return errInflated
		}
		return nil
	case parquetmeta.Gzip:
		z, err := gzip.NewReader(body)
		if err != nil {
			return fmt.Errorf("it is corrupt: %w", err)
		}
		r = z
	case parquetmeta.Zstd:
		z, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(128<<20))
		if err != nil {
			return fmt.Errorf("it is corrupt: %w", err)
		}
		defer z.Close()
		r = z
	case parquetmeta.Brotli:
		r = brotli.NewReader(body)
	default:
		return nil
	}
	if body.Size() == 0 {
		return nil
	}
	n, err := io.Copy(io.Discard, io.LimitReader(r, want+1))
	if n > want {
		return errInflated
	}
	if err != nil {
		return fmt.Errorf("it is corrupt: %w", err)
	}
	return nil
}

var errInflated = errors.New("it is corrupt: a page has more bytes than it is said to have")

// isParquet: the magic at the file's beginning.
func isParquet(head []byte) bool { return bytes.HasPrefix(head, []byte(parquetMagic)) }
