package run

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
)

// The check value of CRC-32C (RFC 3720, B.4: of 32 bytes of zeros 0x8a9136aa), masked by hand.
func TestMaskedCRC(t *testing.T) {
	want := bits.RotateLeft32(0x8a9136aa, -15) + 0xa282ead8
	if got := maskedCRC(make([]byte, 32)); got != want {
		t.Errorf("%#x, want %#x", got, want)
	}
}

// readRecords takes a file apart and checks the sums.
func readRecords(t *testing.T, data []byte) [][]byte {
	t.Helper()
	var all [][]byte
	for len(data) > 0 {
		n := binary.LittleEndian.Uint64(data)
		if maskedCRC(data[:8]) != binary.LittleEndian.Uint32(data[8:]) {
			t.Fatal("a length's sum is wrong")
		}
		event := data[12 : 12+n]
		if maskedCRC(event) != binary.LittleEndian.Uint32(data[12+n:]) {
			t.Fatal("a record's sum is wrong")
		}
		all = append(all, event)
		data = data[16+n:]
	}
	return all
}

// message is a protobuf message's fields as text, in their order.
func message(t *testing.T, b []byte, known map[protowire.Number]func([]byte) string) string {
	t.Helper()
	var fields []string
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		b = b[n:]
		value := ""
		switch kind {
		case protowire.VarintType:
			v, _ := protowire.ConsumeVarint(b)
			value = fmt.Sprint(v)
		case protowire.Fixed32Type:
			v, _ := protowire.ConsumeFixed32(b)
			value = fmt.Sprint(math.Float32frombits(v))
		case protowire.Fixed64Type:
			value = "time"
		case protowire.BytesType:
			v, _ := protowire.ConsumeBytes(b)
			value = string(v)
			if f := known[number]; f != nil {
				value = f(v)
			}
		}
		if n = protowire.ConsumeFieldValue(number, kind, b); n < 0 {
			t.Fatal("not a message")
		}
		b = b[n:]
		fields = append(fields, fmt.Sprintf("%d:%s", number, value))
	}
	return "{" + strings.Join(fields, " ") + "}"
}

func TestEventRecords(t *testing.T) {
	dir := t.TempDir()
	r := must(Create(dir, testSpec(defaults(t))))(t)
	check(t, r.Log(3, map[string]float64{TrainLoss: 0.5, DevF1: math.Inf(1)}))
	check(t, r.Close())
	names := must(filepath.Glob(filepath.Join(dir, "*tfevents*")))(t)
	if len(names) != 1 {
		t.Fatalf("event files: %v", names)
	}
	scalar := func(b []byte) string { return message(t, b, nil) }
	summary := func(b []byte) string { return message(t, b, map[protowire.Number]func([]byte) string{1: scalar}) }
	var got []string
	for _, event := range readRecords(t, []byte(read(t, names[0]))) {
		got = append(got, message(t, event, map[protowire.Number]func([]byte) string{5: summary, 7: scalar}))
	}
	want := []string{
		"{1:time 2:0 3:brain.Event:2}",
		"{1:time 2:0 7:{1:1}}",
		"{1:time 2:3 5:{1:{1:dev/f1 2:+Inf} 1:{1:train/loss 2:0.5}}}",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// The real TensorBoard reads an interrupted run's files, each step once.
func TestTensorBoard(t *testing.T) {
	if err := exec.Command("python3", "-c", "import tensorboard").Run(); err != nil {
		t.Skip("python3 with tensorboard is not installed")
	}
	dir := t.TempDir()
	for _, last := range []int{5, 7, 9} {
		r := must(Start(dir, testSpec(defaults(t)), true))(t)
		trainTo(t, r, last)
		check(t, r.Close())
	}
	const script = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1])
events.Reload()
print(json.dumps({tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}))
`
	cmd := exec.Command("python3", "-c", script, dir)
	cmd.Stderr = os.Stderr
	var got map[string][][2]float64
	check(t, json.Unmarshal(must(cmd.Output())(t), &got))
	want := map[string][][2]float64{}
	for step := 1; step <= 9; step++ {
		for name, value := range map[string]float32{TrainLoss: float32(1 / float64(step)), LearningRate: 0.1, Memory: 5} {
			want[name] = append(want[name], [2]float64{float64(step), float64(value)})
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
