package weights

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// The file names of a checkpoint that torch.save wrote.
const (
	TorchFile  = "pytorch_model.bin"
	TorchIndex = "pytorch_model.bin.index.json"
)

// maxCompressed bounds what is unpacked of compressed archives, in bytes of memory. torch.save compresses nothing.
const maxCompressed = 256 << 20

// torchLegacyMagic is how a file begins that torch before 1.6 wrote: a pickle of the number 0x1950a86a20f9469cfc6c
// (torch/serialization.py, MAGIC_NUMBER).
const torchLegacyMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"

// isTorch tells whether a file was written by torch.save: a zip archive, or a pickle in the older form. What is named as one
// and has no header of safetensors counts as one too, so that its error says what it is.
func isTorch(file string, data []byte) bool {
	switch strings.ToLower(filepath.Ext(file)) {
	case ".safetensors":
		return false
	case ".bin", ".pt", ".pth":
		if len(data) <= 8 || data[8] != '{' {
			return true
		}
	}
	return bytes.HasPrefix(data, []byte("PK\x03\x04")) || bytes.Contains(data[:min(32, len(data))], []byte(torchLegacyMagic))
}

// parseTorch reads the table of tensors of a file that torch.save wrote. It runs no Python: see [unpickler].
func parseTorch(file string, data []byte) (*header, error) {
	read := readTorchLegacy
	if bytes.HasPrefix(data, []byte("PK\x03\x04")) {
		read = readTorchZip
	}
	value, err := read(data)
	if err != nil {
		return nil, &FormatError{File: file, Problem: "PyTorch checkpoint: " + err.Error()}
	}
	found, err := stateDict(value)
	if err != nil {
		return nil, &FormatError{File: file, Problem: "PyTorch checkpoint: " + err.Error()}
	}
	h := &header{}
	for name, t := range found {
		if problem, expected, found := t.check(); problem != "" {
			return nil, &FormatError{File: file, Tensor: name, Problem: problem, Expected: expected, Found: found}
		}
		size, ok := byteSize(t.dtype, t.shape)
		if !ok {
			return nil, &FormatError{File: file, Tensor: name, Problem: "shape is too large", Expected: "fewer than 2^63 bytes", Found: fmt.Sprint(t.shape)}
		}
		h.entries = append(h.entries, entry{name: name, dtype: t.dtype, shape: t.shape, end: int(size), view: t})
	}
	slices.SortFunc(h.entries, func(a, b entry) int { return cmp.Compare(a.name, b.name) })
	return h, nil
}

// readTorchZip reads the format of torch 1.6 and later: an archive NAME/ of data.pkl, byteorder and, below data/, the
// storages, stored so that they can be mapped (torch/serialization.py, _save).
func readTorchZip(data []byte) (any, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("not a whole zip archive (an incomplete download?): %w", err)
	}
	records := make(map[string]*zip.File, len(z.File))
	root, found := "", false
	for _, f := range z.File {
		records[f.Name] = f
		if path.Base(f.Name) == "data.pkl" && !found {
			root, found = strings.TrimSuffix(f.Name, "data.pkl"), true
		}
	}
	if !found {
		return nil, errors.New("the zip archive has no data.pkl: torch.save did not write it")
	}
	if records[root+"constants.pkl"] != nil {
		return nil, errors.New("a TorchScript program, not a checkpoint (save the model's state_dict with torch.save)")
	}
	budget := uint64(maxCompressed)
	pickle, err := recordBytes(data, records[root+"data.pkl"], maxPickle, &budget)
	if err != nil {
		return nil, err
	}
	swap := false
	if f := records[root+"byteorder"]; f != nil {
		order, err := recordBytes(data, f, 16, &budget)
		if err != nil {
			return nil, err
		}
		if swap = string(order) == "big"; !swap && string(order) != "little" {
			return nil, fmt.Errorf("byteorder is %.16q, expected little or big", order)
		}
	}
	storages := map[string]*torchStorage{}
	u := unpickler{data: pickle, allowed: torchAllowed, call: torchCall, load: func(id any) (any, error) {
		s, key, err := namedStorage(id)
		if err != nil {
			return nil, err
		}
		if known := storages[key]; known != nil && known.dtype == s.dtype && known.elements == s.elements {
			return known, nil
		}
		f := records[root+"data/"+key]
		if f == nil {
			return nil, fmt.Errorf("storage %.100q is not in the archive", key)
		}
		size, ok := byteSize(s.dtype, []int{int(s.elements)})
		if !ok || f.UncompressedSize64 < size {
			return nil, fmt.Errorf("storage %.100q has %d bytes, too few for %d elements of %s", key, f.UncompressedSize64, s.elements, DTypeName(s.dtype))
		}
		s.swap = swap
		s.data, err = recordBytes(data, f, 1<<63-1, &budget)
		storages[key] = s
		return s, err
	}}
	return u.run()
}

// recordBytes returns a record of an archive: of the mapped file itself, or unpacked, which counts against budget.
func recordBytes(data []byte, f *zip.File, most uint64, budget *uint64) ([]byte, error) {
	size := f.UncompressedSize64
	if size > most {
		return nil, fmt.Errorf("record %.100q has %d bytes, expected at most %d", f.Name, size, most)
	}
	if f.Method == zip.Store {
		at, err := f.DataOffset()
		if err != nil {
			return nil, fmt.Errorf("record %.100q: %w", f.Name, err)
		}
		if at < 0 || uint64(at) > uint64(len(data)) || size > uint64(len(data))-uint64(at) {
			return nil, fmt.Errorf("record %.100q reaches beyond the end of the file (cut short?)", f.Name)
		}
		return data[at : uint64(at)+size : uint64(at)+size], nil
	}
	if size > *budget {
		return nil, fmt.Errorf("record %.100q is compressed and has %d bytes, too many to unpack in memory (save the checkpoint anew with torch.save)",
			f.Name, size)
	}
	*budget -= size
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("record %.100q: %w", f.Name, err)
	}
	out := make([]byte, size)
	if _, err := io.ReadFull(r, out); err != nil {
		return nil, fmt.Errorf("record %.100q: %w", f.Name, err)
	}
	return out, r.Close()
}

// namedStorage reads a storage's persistent id: ("storage", class, key, location, number of elements, …).
func namedStorage(id any) (s *torchStorage, key string, err error) {
	t, ok := id.(*pickleTuple)
	if !ok || len(t.items) < 5 || t.items[0] != any("storage") {
		return nil, "", forbidden("a persistent object other than a storage")
	}
	class, ok := t.items[1].(global)
	dtype, known := storageDType(class)
	key, okKey := t.items[2].(string)
	n, err := natural(t.items[4])
	if !ok || !known || !okKey || err != nil {
		return nil, "", fmt.Errorf("a storage named by %s, %s and %s", describeValue(t.items[1]), describeValue(t.items[2]), describeValue(t.items[4]))
	}
	return &torchStorage{dtype: dtype, elements: n}, key, nil
}

// readTorchLegacy reads the format before torch 1.6, which torch.save still writes on request: pickles of the magic number,
// the protocol's version, the machine, the object and the list of storages, and then each storage as its count of elements
// (int64) and their bytes (torch/serialization.py, _legacy_save).
func readTorchLegacy(data []byte) (any, error) {
	nothing := func(any) (any, error) { return nil, forbidden("a persistent object") }
	storages := map[string]*torchStorage{}
	views := map[*torchStorage]string{} // to their root storage's key
	offsets := map[*torchStorage]uint64{}
	load := func(id any) (any, error) {
		s, key, err := namedStorage(id)
		if err != nil {
			return nil, err
		}
		root := storages[key]
		if root == nil || root.dtype != s.dtype {
			root = s
			storages[key] = s
		}
		view := id.(*pickleTuple).items[5:]
		if len(view) == 0 || view[0] == nil {
			return root, nil
		}
		// torch before 0.4: a part of a storage, as (key, offset, elements).
		of, ok := view[0].(*pickleTuple)
		if !ok || len(of.items) != 3 {
			return nil, fmt.Errorf("a storage's view is %s, expected a tuple of 3", describeValue(view[0]))
		}
		offset, err := natural(of.items[1])
		if err != nil {
			return nil, err
		}
		n, err := natural(of.items[2])
		if err != nil {
			return nil, err
		}
		part := &torchStorage{dtype: s.dtype, elements: n}
		views[part], offsets[part] = key, offset
		return part, nil
	}
	at := 0
	var values [5]any
	for i := range values {
		u := unpickler{data: data[at:], allowed: torchAllowed, call: torchCall, load: nothing}
		u.data = u.data[:min(len(u.data), maxPickle)]
		if i == 3 {
			u.load = load
		}
		var err error
		if values[i], err = u.run(); err != nil {
			return nil, err
		}
		at += u.pos
	}
	if values[0] != any(longInt(torchLegacyMagic)) || values[1] != any(int64(1001)) {
		return nil, errors.New("not of torch's protocol 1001")
	}
	if err := fillStorages(data[at:], values[2], values[4], storages); err != nil {
		return nil, err
	}
	for part, key := range views {
		root := storages[key]
		if offsets[part] > root.elements || part.elements > root.elements-offsets[part] {
			return nil, fmt.Errorf("a view of storage %.100q reaches outside it", key)
		}
		part.data, part.swap = root.data[offsets[part]*torchWidth(root.dtype):], root.swap
	}
	return values[3], nil
}

// fillStorages finds the bytes of each storage, in the order of keys.
func fillStorages(rest []byte, machine, keys any, storages map[string]*torchStorage) error {
	swap := false
	var order binary.ByteOrder = binary.LittleEndian
	if d, ok := machine.(*pickleDict); ok {
		if little, ok := d.last("little_endian"); ok && little == any(false) {
			swap, order = true, binary.BigEndian
		}
	}
	list, ok := keys.(*pickleList)
	if !ok {
		return fmt.Errorf("the list of storages is %s", describeValue(keys))
	}
	filled := 0
	for _, k := range list.items {
		key, ok := k.(string)
		s := storages[key]
		if !ok || s == nil || s.data != nil {
			return fmt.Errorf("the list of storages names one that no tensor has, or one twice: %.100q", key)
		}
		if len(rest) < 8 {
			return fmt.Errorf("the file ends before storage %.100q (an incomplete download?)", key)
		}
		n := order.Uint64(rest)
		rest = rest[8:]
		hi, size := bits.Mul64(n, torchWidth(s.dtype))
		if n != s.elements || hi != 0 || size > uint64(len(rest)) {
			return fmt.Errorf("storage %.100q: expected %d elements of %s, found %d and %d bytes (an incomplete download?)",
				key, s.elements, DTypeName(s.dtype), n, len(rest))
		}
		s.data, s.swap = rest[:size:size], swap
		if s.data == nil {
			s.data = []byte{}
		}
		rest = rest[size:]
		filled++
	}
	if filled != len(storages) {
		return fmt.Errorf("the file has %d storages, its tensors need %d", filled, len(storages))
	}
	return nil
}
