package finding

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// damaged gives copies of a document with bytes changed, cut out, doubled and set
// to what sizes and counts look like, the same ones in every process.
func damaged(doc []byte, copies int, try func(data []byte)) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range copies {
		data := bytes.Clone(doc)
		for range 1 + rng.IntN(4) {
			at := rng.IntN(len(data))
			switch rng.IntN(6) {
			case 0:
				data = append(data[:at], data[min(at+rng.IntN(64), len(data)):]...)
			case 1:
				end := min(at+rng.IntN(64), len(data))
				data = append(data[:end], append(bytes.Clone(data[at:end]), data[end:]...)...)
			case 2:
				copy(data[at:], []byte{0xff, 0xff, 0xff, 0x7f})
			default:
				data[at] = byte(rng.Uint32())
			}
			if len(data) == 0 {
				data = []byte{0}
			}
		}
		try(data)
	}
}

// TestDamaged: no damage panics, hangs, or makes more findings than there are.
func TestDamaged(t *testing.T) {
	for format, write := range map[string]func(*bytes.Buffer, []Reviewed) error{
		"csv":     func(b *bytes.Buffer, r []Reviewed) error { return WriteCSV(b, r) },
		"parquet": func(b *bytes.Buffer, r []Reviewed) error { return WriteParquet(b, r) },
		"sqlite":  func(b *bytes.Buffer, r []Reviewed) error { return WriteSQLite(b, r) },
		"jsonl":   func(b *bytes.Buffer, r []Reviewed) error { return WriteIaC(b, r, nil) },
	} {
		var out bytes.Buffer
		if err := write(&out, []Reviewed{someReviewed()}); err != nil {
			t.Fatal(err)
		}
		copies := 1000
		if format == "sqlite" {
			copies = 300 // each is a file that is written and opened
		}
		damaged(out.Bytes(), copies, func(data []byte) {
			report, err := Read("in", bytes.NewReader(data), format, fuzzLimit)
			if err == nil && len(report.Findings) > 30 {
				t.Fatalf("%s: %d findings of 6", format, len(report.Findings))
			}
		})
	}
}
