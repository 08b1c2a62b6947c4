package weights

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
)

// Bounds of a pickle: that of a checkpoint with 100,000 tensors has about 15 MB and 4 million instructions.
const (
	maxPickle    = 64 << 20
	maxPickleOps = 10_000_000
)

// The values that a pickle can make here, besides nil, bool, int64, float64 and string. A longInt is a whole number that
// does not fit int64, as its little-endian bytes.
type (
	pickleList  struct{ items []any }
	pickleTuple struct{ items []any }
	pickleDict  struct{ keys, values []any } // in the order of setting; of equal keys the last one counts
	longInt     string
	global      struct{ module, name string }
)

func (g global) String() string { return g.module + "." + g.name }

// last returns the value that a string key was set to last.
func (d *pickleDict) last(key string) (any, bool) {
	for i := len(d.keys) - 1; i >= 0; i-- {
		if d.keys[i] == any(key) {
			return d.values[i], true
		}
	}
	return nil, false
}

// unpickler runs the instructions of Python's pickle that torch.save writes, and nothing else. A pickle is a program that
// can name any function of Python and call it, so what it may name is a short list, as in torch.load(weights_only=True)
// (torch/_weights_only_unpickler.py), and no instruction here does more than build values.
//
// It is our own because nlpodyssey/gopickle v0.3.0 trusts the lengths in its input: of the hostile files in testdata/torch,
// bad_length.bin (365 bytes) makes it take 2 GB, bad_frame.bin makes it panic, and bad_numel.bin ends the process, out of
// memory. It also copies all tensors into memory, halves as float32. Tests compare the two on honest files.
type unpickler struct {
	data  []byte
	pos   int
	stack []any
	marks []int // lengths of the stack at MARK
	memo  map[uint32]any
	// allowed tells whether a global may be named.
	allowed func(global) bool
	// call is REDUCE, of a global that is allowed.
	call func(f global, args []any) (any, error)
	// load is BINPERSID: torch names its storages so.
	load func(id any) (any, error)
}

// The instructions, as pickletools names them (CPython, Lib/pickle.py).
const (
	opMark, opStop, opPop                    = '(', '.', '0'
	opNone, opNewTrue, opNewFalse            = 'N', 0x88, 0x89
	opBinInt, opBinInt1, opBinInt2, opLong1  = 'J', 'K', 'M', 0x8a
	opBinFloat                               = 'G'
	opBinString, opShortBinString            = 'T', 'U'
	opBinUnicode, opShortBinUnicode          = 'X', 0x8c
	opBinBytes, opShortBinBytes              = 'B', 'C'
	opEmptyTuple, opTuple                    = ')', 't'
	opTuple1, opTuple2, opTuple3             = 0x85, 0x86, 0x87
	opEmptyList, opAppend, opAppends         = ']', 'a', 'e'
	opEmptyDict, opDict, opSetItem, opSetAll = '}', 'd', 's', 'u'
	opBinPut, opLongBinPut, opMemoize        = 'q', 'r', 0x94
	opBinGet, opLongBinGet                   = 'h', 'j'
	opGlobal, opStackGlobal, opInst          = 'c', 0x93, 'i'
	opReduce, opBuild, opBinPersID           = 'R', 'b', 'Q'
	opProto, opFrame                         = 0x80, 0x95
)

// forbidden is the error of a pickle that asks for more than tensors.
func forbidden(what string) error {
	return fmt.Errorf("it asks for %s, which holds no tensors and could run code: refused, nothing was run", what)
}

// run executes up to STOP and returns the value that is left.
func (u *unpickler) run() (any, error) {
	u.stack, u.marks, u.memo = nil, nil, map[uint32]any{}
	for range maxPickleOps {
		op, err := u.byte()
		if err != nil {
			return nil, err
		}
		if op == opStop {
			return u.pop()
		}
		if err := u.step(op); err != nil {
			return nil, fmt.Errorf("pickle, byte %d: %w", u.pos-1, err)
		}
	}
	return nil, fmt.Errorf("pickle of more than %d instructions", maxPickleOps)
}

func (u *unpickler) step(op byte) error {
	if value, ok, err := u.literal(op); ok || err != nil {
		u.push(value)
		return err
	}
	switch op {
	case opProto:
		version, err := u.byte()
		if err == nil && version > 5 {
			err = fmt.Errorf("protocol %d is not known", version)
		}
		return err
	case opFrame:
		_, err := u.take(8)
		return err
	case opPop:
		_, err := u.pop()
		return err
	case opMark:
		u.marks = append(u.marks, len(u.stack))
		return nil
	case opTuple, opTuple1, opTuple2, opTuple3:
		return u.tuple(op)
	case opAppend, opAppends, opSetItem, opSetAll, opDict:
		return u.fill(op)
	case opBinPut, opLongBinPut, opMemoize, opBinGet, opLongBinGet:
		return u.remember(op)
	case opGlobal, opInst, opStackGlobal:
		return u.global(op)
	case opReduce:
		return u.reduce()
	case opBuild:
		return u.build()
	case opBinPersID:
		id, err := u.pop()
		if err != nil {
			return err
		}
		value, err := u.load(id)
		u.push(value)
		return err
	}
	return forbidden(fmt.Sprintf("pickle instruction 0x%02x", op))
}

// literal reads a value that stands in the pickle itself; ok is false for other instructions.
func (u *unpickler) literal(op byte) (value any, ok bool, err error) {
	switch op {
	case opNone:
		return nil, true, nil
	case opNewTrue, opNewFalse:
		return op == opNewTrue, true, nil
	case opEmptyTuple:
		return &pickleTuple{}, true, nil
	case opEmptyList:
		return &pickleList{}, true, nil
	case opEmptyDict:
		return &pickleDict{}, true, nil
	case opBinInt:
		n, err := u.uint(4)
		return int64(int32(n)), true, err
	case opBinInt1:
		n, err := u.uint(1)
		return int64(n), true, err
	case opBinInt2:
		n, err := u.uint(2)
		return int64(n), true, err
	case opBinFloat:
		b, err := u.take(8)
		if err != nil {
			return nil, true, err
		}
		return math.Float64frombits(binary.BigEndian.Uint64(b)), true, nil
	case opLong1:
		b, err := u.text(1)
		return long(b), true, err
	case opBinUnicode, opBinString, opBinBytes:
		b, err := u.text(4)
		return string(b), true, err
	case opShortBinUnicode, opShortBinString, opShortBinBytes:
		b, err := u.text(1)
		return string(b), true, err
	}
	return nil, false, nil
}

// long is a whole number of two's complement, little-endian.
func long(b []byte) any {
	if len(b) > 8 {
		return longInt(b)
	}
	var n int64
	for i, x := range b {
		n |= int64(x) << (8 * i)
	}
	if len(b) > 0 && len(b) < 8 && b[len(b)-1]&0x80 != 0 {
		n -= 1 << (8 * len(b))
	}
	return n
}

func (u *unpickler) tuple(op byte) error {
	var items []any
	var err error
	if op == opTuple {
		items, err = u.popMark()
	} else {
		items, err = u.popN(int(op) - opTuple1 + 1)
	}
	u.push(&pickleTuple{items})
	return err
}

// fill puts values into the list or dict below them.
func (u *unpickler) fill(op byte) error {
	var items []any
	var err error
	switch op {
	case opAppend:
		items, err = u.popN(1)
	case opSetItem:
		items, err = u.popN(2)
	default:
		items, err = u.popMark()
	}
	if err != nil {
		return err
	}
	if op == opDict {
		u.push(&pickleDict{})
	}
	into, err := u.top()
	if err != nil {
		return err
	}
	switch into := into.(type) {
	case *pickleList:
		if op == opAppend || op == opAppends {
			into.items = append(into.items, items...)
			return nil
		}
	case *pickleDict:
		if op == opAppend || op == opAppends {
			break
		}
		if len(items)%2 != 0 {
			return fmt.Errorf("a dict gets a key without a value")
		}
		for i := 0; i < len(items); i += 2 {
			into.keys, into.values = append(into.keys, items[i]), append(into.values, items[i+1])
		}
		return nil
	}
	return fmt.Errorf("instruction %q does not fit %s", op, describeValue(into))
}

func (u *unpickler) remember(op byte) error {
	var n uint64
	var err error
	switch op {
	case opBinPut, opBinGet:
		n, err = u.uint(1)
	case opLongBinPut, opLongBinGet:
		n, err = u.uint(4)
	case opMemoize:
		n = uint64(len(u.memo))
	}
	if err != nil {
		return err
	}
	if op == opBinGet || op == opLongBinGet {
		value, ok := u.memo[uint32(n)]
		if !ok {
			return fmt.Errorf("memo %d is not set", n)
		}
		u.push(value)
		return nil
	}
	value, err := u.top()
	u.memo[uint32(n)] = value
	return err
}

// global pushes a name of Python, if it is allowed.
func (u *unpickler) global(op byte) error {
	var g global
	if op == opStackGlobal {
		names, err := u.popN(2)
		if err != nil {
			return err
		}
		module, ok1 := names[0].(string)
		name, ok2 := names[1].(string)
		if !ok1 || !ok2 {
			return fmt.Errorf("a global is named by %s and %s, not by strings", describeValue(names[0]), describeValue(names[1]))
		}
		g = global{module, name}
	} else {
		for _, into := range []*string{&g.module, &g.name} {
			line, _, found := bytes.Cut(u.data[u.pos:], []byte("\n"))
			if !found {
				return errPickleEnd
			}
			*into = string(line)
			u.pos += len(line) + 1
		}
	}
	if !u.allowed(g) || op == opInst {
		return forbidden(fmt.Sprintf("the Python global %.200q", g.String()))
	}
	u.push(g)
	return nil
}

func (u *unpickler) reduce() error {
	pair, err := u.popN(2)
	if err != nil {
		return err
	}
	f, ok := pair[0].(global)
	args, okArgs := pair[1].(*pickleTuple)
	if !ok || !okArgs {
		return forbidden(fmt.Sprintf("a call of %s with %s", describeValue(pair[0]), describeValue(pair[1])))
	}
	value, err := u.call(f, args.items)
	u.push(value)
	return err
}

// build passes over an OrderedDict's attributes: torch keeps the versions of modules there (_metadata).
func (u *unpickler) build() error {
	if _, err := u.pop(); err != nil {
		return err
	}
	on, err := u.top()
	if err != nil {
		return err
	}
	if _, ok := on.(*pickleDict); !ok {
		return forbidden("a state set on " + describeValue(on))
	}
	return nil
}

// describeValue names a value's kind for an error: values may be large or contain themselves, so they are never printed.
func describeValue(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool, int64, float64, longInt:
		return "a number"
	case string:
		return "a string"
	case *pickleList:
		return "a list"
	case *pickleTuple:
		return "a tuple"
	case *pickleDict:
		return "a dict"
	case global:
		return fmt.Sprintf("the global %.200q", v.String())
	case *torchStorage:
		return "a storage"
	case *torchTensor:
		return "a tensor"
	}
	return "another value"
}
