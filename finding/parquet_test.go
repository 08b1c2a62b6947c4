package finding

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
)

func TestParquetRoundTrip(t *testing.T) {
	want := hostileReport()
	var out bytes.Buffer
	if err := WriteParquet(&out, []Reviewed{want}); err != nil {
		t.Fatal(err)
	}
	report := readString(t, out.String(), "auto")
	if report.Format != "parquet" || len(report.Problems) != 0 {
		t.Fatalf("%s, problems %v", report.Format, report.Problems)
	}
	if diff := cmp.Diff(want.Report.Findings, report.Findings, ignoreOrigin); diff != "" {
		t.Error(diff)
	}

	// The verdicts are there, under their names.
	rows, err := parquet.Read[struct {
		ID      string   `parquet:"id"`
		Verdict *string  `parquet:"verdict,optional"`
		P       *float64 `parquet:"p,optional"`
		Heads   *string  `parquet:"heads,optional"`
		Error   string   `parquet:"error"`
	}](bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil || len(rows) != len(want.Verdicts) {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for i, v := range want.Verdicts {
		r := rows[i]
		if v.Judged() != (r.Verdict != nil) || v.Judged() && (*r.Verdict != string(v.Verdict) || *r.P != v.P || *r.Heads == "") || r.Error != v.Error {
			t.Errorf("row %d: %+v, want %+v", i, r, v)
		}
	}
}

// TestParquetManyRows goes over several pages.
func TestParquetManyRows(t *testing.T) {
	r := Reviewed{Report: &Report{}}
	for i := range 20_000 {
		f := Finding{ID: fmt.Sprint(i), Message: strings.Repeat("m", i%300), Title: "t"}
		if i%3 == 0 {
			f.Flow = []string{"a"}
		}
		r.Report.Findings = append(r.Report.Findings, f)
	}
	var out bytes.Buffer
	if err := WriteParquet(&out, []Reviewed{r}); err != nil {
		t.Fatal(err)
	}
	report := readString(t, out.String(), "auto")
	if diff := cmp.Diff(r.Report.Findings, report.Findings, ignoreOrigin); diff != "" {
		t.Error(diff[:min(len(diff), 1000)])
	}
}

// foreign is a row as another program may write it.
type foreign struct {
	Path        string   `parquet:"path"`
	Line        int32    `parquet:"Line Number"`
	Description *string  `parquet:"description,optional,dict"`
	Vulnerable  bool     `parquet:"is_vulnerable"`
	Flow        []string `parquet:"flow,list"`
	Score       float32  `parquet:"severity"`
	Unknown     []struct {
		X int64 `parquet:"x"`
	} `parquet:"unknown"`
}

func TestParquetOfOthers(t *testing.T) {
	text := "it is"
	rows := []foreign{
		{"a.c", 3, &text, true, []string{"one", "two"}, 7.5, nil},
		{"b.c", 4, nil, false, nil, 0, []struct {
			X int64 `parquet:"x"`
		}{{1}, {2}}},
		{"c.c", -5, &text, false, nil, 0, nil},
		{"d.c", 6, &text, false, []string{""}, 0, nil},
	}
	for _, codec := range []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Zstd, &parquet.Brotli, &parquet.Lz4Raw} {
		for _, version := range []int{1, 2} {
			var out bytes.Buffer
			w := parquet.NewGenericWriter[foreign](&out, parquet.Compression(codec), parquet.DataPageVersion(version), parquet.MaxRowsPerRowGroup(3))
			if _, err := w.Write(rows); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			report := readString(t, out.String(), "auto")
			var got []string
			for _, f := range report.Findings {
				got = append(got, strings.Join([]string{f.Location(), f.Message, f.Label, f.Severity, strings.Join(f.Flow, ">")}, "|"))
			}
			if diff := cmp.Diff([]string{"a.c:3|it is|TP|7.5|one>two", "d.c:6|it is|FP|0|"}, got); diff != "" {
				t.Errorf("%s, version %d: %s", codec, version, diff)
			}
			var problems []string
			for _, p := range report.Problems {
				problems = append(problems, p.Error())
			}
			if diff := cmp.Diff([]string{"in: row 2: " + errNothingToReview.Error(), `in: row 3: column "Line Number": expected a line from 0 on, found -5`}, problems); diff != "" {
				t.Errorf("%s, version %d: %s", codec, version, diff)
			}
		}
	}
}

// smallParquet is a file that is whole.
func smallParquet(t testing.TB, text string, options ...parquet.WriterOption) []byte {
	t.Helper()
	type row struct {
		ID      string `parquet:"id"`
		Message string `parquet:"message"`
	}
	var out bytes.Buffer
	w := parquet.NewGenericWriter[row](&out, options...)
	if _, err := w.Write([]row{{"a", text}, {"b", text}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestParquetRefuses(t *testing.T) {
	whole := smallParquet(t, "m")
	footer := func(content ...byte) []byte { // a file with this footer
		data := append([]byte("PAR1"), content...)
		return append(binary.LittleEndian.AppendUint32(data, uint32(len(content))), "PAR1"...)
	}
	type other struct {
		X int `parquet:"x"`
	}
	var none bytes.Buffer
	if err := parquet.Write(&none, []other{{1}}); err != nil {
		t.Fatal(err)
	}
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0x07}
	for name, tc := range map[string]struct {
		data []byte
		want string
	}{
		"cut short":         {whole[:len(whole)-3], "cut short"},
		"magic only":        {[]byte("PAR1"), "cut short"},
		"footer too long":   {append(append(bytes.Clone(whole[:len(whole)-8]), 0xff, 0xff, 0xff, 0x7f), "PAR1"...), "larger than the file"},
		"a list too long":   {footer(append(append([]byte{0x15, 0x02, 0x19, 0xfc}, huge...), 0)...), "larger than the file"},
		"a text too long":   {footer(append([]byte{0x68}, huge...)...), "larger than the file"},
		"a map too long":    {footer(append([]byte{0x1b}, huge...)...), "larger than the file"},
		"nested too deep":   {footer(bytes.Repeat([]byte{0x1c}, 100)...), "nested too deep"},
		"no columns":        {none.Bytes(), "no column is one of a finding: expected some of id"},
		"an empty footer":   {footer(), "larger than the file"},
		"a footer of zeros": {footer(0), "parquet"},
	} {
		_, err := Read("in", bytes.NewReader(tc.data), "parquet", ReadOptions{})
		if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "in: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := Read("in", bytes.NewReader(whole), "auto", ReadOptions{MaxBytes: 100})
	if err == nil || !strings.Contains(err.Error(), "larger than the limit of 100 bytes") {
		t.Error(err)
	}
}

// TestParquetBomb: pages that grow beyond all measure, or beyond what they say.
func TestParquetBomb(t *testing.T) {
	long := strings.Repeat("x", 32<<20)
	for _, codec := range []compress.Codec{&parquet.Gzip, &parquet.Zstd, &parquet.Brotli} {
		data := smallParquet(t, long, parquet.Compression(codec), parquet.SkipPageBounds("message"), parquet.SkipPageStatistics("message"))
		if len(data) > 1<<20 {
			t.Fatalf("%s: %d bytes", codec, len(data))
		}
		if _, err := Read("in", bytes.NewReader(data), "auto", ReadOptions{}); err == nil || !strings.Contains(err.Error(), "more than is read") {
			t.Errorf("%s: %v", codec, err)
		}
	}
	for _, want := range []int64{10, 99, 100} {
		body, err := parquet.Zstd.Encode(nil, make([]byte, 100))
		if err != nil {
			t.Fatal(err)
		}
		err = checkInflated(newSection(body), parquet.Zstd.CompressionCodec(), want)
		if (want < 100) != errors.Is(err, errInflated) {
			t.Errorf("100 bytes said to be %d: %v", want, err)
		}
	}
}

func newSection(data []byte) *io.SectionReader {
	return io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data)))
}
