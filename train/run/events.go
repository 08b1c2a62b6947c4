package run

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// eventsPrefix begins the names of event files; TensorBoard looks for "tfevents" and reads a folder's in their order.
const eventsPrefix = "events.out.tfevents."

// eventFile is a TensorBoard event file: records of TensorFlow (tensorflow/core/lib/io/record_writer.h) of Event messages
// (tensorflow/core/util/event.proto).
type eventFile struct{ file *os.File }

// Field numbers of the messages, from event.proto and summary.proto.
const (
	eventWallTime    = 1
	eventStep        = 2
	eventFileVersion = 3
	eventSummary     = 5
	eventSessionLog  = 7
	sessionStatus    = 1
	sessionStart     = 1 // SessionLog.START
	summaryValue     = 1
	valueTag         = 1
	valueSimple      = 2
)

// createEvents begins an event file. It tells TensorBoard to forget the steps from the given one on, which an interrupted
// run may have shown already.
func createEvents(dir string, stamp int64, step int) (*eventFile, error) {
	f, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("%s%010d.janus", eventsPrefix, stamp)), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	e := &eventFile{f}
	version := protowire.AppendTag(newEvent(0), eventFileVersion, protowire.BytesType)
	version = protowire.AppendString(version, "brain.Event:2")
	status := protowire.AppendVarint(protowire.AppendTag(nil, sessionStatus, protowire.VarintType), sessionStart)
	start := protowire.AppendTag(newEvent(step), eventSessionLog, protowire.BytesType)
	start = protowire.AppendBytes(start, status)
	_, err = f.Write(append(record(version), record(start)...))
	return e, err
}

// eventsStamp is the time in the name of an event file.
func eventsStamp(name string) (int64, bool) {
	rest, ok := strings.CutPrefix(name, eventsPrefix)
	if !ok {
		return 0, false
	}
	digits, _, _ := strings.Cut(rest, ".")
	stamp, err := strconv.ParseInt(digits, 10, 64)
	return stamp, err == nil
}

// scalars adds the values of a step as one event.
func (e *eventFile) scalars(step int, values map[string]float64) error {
	var summary []byte
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := protowire.AppendString(protowire.AppendTag(nil, valueTag, protowire.BytesType), name)
		value = protowire.AppendTag(value, valueSimple, protowire.Fixed32Type)
		value = protowire.AppendFixed32(value, math.Float32bits(float32(values[name])))
		summary = protowire.AppendBytes(protowire.AppendTag(summary, summaryValue, protowire.BytesType), value)
	}
	event := protowire.AppendBytes(protowire.AppendTag(newEvent(step), eventSummary, protowire.BytesType), summary)
	if _, err := e.file.Write(record(event)); err != nil {
		return fmt.Errorf("logging step %d for TensorBoard: %w", step, err)
	}
	return nil
}

// newEvent is an Event of now with its step.
func newEvent(step int) []byte {
	seconds := float64(time.Now().UnixMicro()) / 1e6
	event := protowire.AppendFixed64(protowire.AppendTag(nil, eventWallTime, protowire.Fixed64Type), math.Float64bits(seconds))
	return protowire.AppendVarint(protowire.AppendTag(event, eventStep, protowire.VarintType), uint64(step))
}

// record frames data: its length, that length's checksum, the data, the data's checksum, little-endian.
func record(data []byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	b = binary.LittleEndian.AppendUint32(b, maskedCRC(b))
	b = append(b, data...)
	return binary.LittleEndian.AppendUint32(b, maskedCRC(data))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// maskedCRC is CRC-32C rotated right by 15 bits plus a constant (tensorflow/core/lib/hash/crc32c.h, Mask).
func maskedCRC(data []byte) uint32 {
	crc := crc32.Checksum(data, castagnoli)
	return (crc>>15 | crc<<17) + 0xa282ead8
}
