package weights

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
)

// torchDTypes are the dtypes of torch by their names there; older files name a storage class instead.
var torchDTypes = map[string]dtypes.DType{
	"float32": dtypes.Float32, "float64": dtypes.Float64, "float16": dtypes.Float16, "bfloat16": dtypes.BFloat16,
	"int64": dtypes.Int64, "int32": dtypes.Int32, "int16": dtypes.Int16, "int8": dtypes.Int8,
	"uint64": dtypes.Uint64, "uint32": dtypes.Uint32, "uint16": dtypes.Uint16, "uint8": dtypes.Uint8, "bool": dtypes.Bool,
	"complex64": dtypes.Complex64, "float8_e4m3fn": dtypes.F8E4M3FN, "float8_e5m2": dtypes.F8E5M2,
}

var torchStorages = map[string]dtypes.DType{
	"FloatStorage": dtypes.Float32, "DoubleStorage": dtypes.Float64, "HalfStorage": dtypes.Float16, "BFloat16Storage": dtypes.BFloat16,
	"LongStorage": dtypes.Int64, "IntStorage": dtypes.Int32, "ShortStorage": dtypes.Int16, "CharStorage": dtypes.Int8,
	"ByteStorage": dtypes.Uint8, "BoolStorage": dtypes.Bool, "ComplexFloatStorage": dtypes.Complex64,
	"UntypedStorage": dtypes.Uint8,
}

// storageDType is the dtype of a storage class.
func storageDType(g global) (dtypes.DType, bool) {
	d, ok := torchStorages[g.name]
	return d, ok && (g.module == "torch" || g.module == "torch.storage")
}

// tensorDType is the dtype that a global such as torch.bfloat16 is.
func tensorDType(g global) (dtypes.DType, bool) {
	d, ok := torchDTypes[g.name]
	return d, ok && g.module == "torch"
}

// torchCalls are the functions that a state dict's pickle calls.
var torchCalls = map[global]func(args []any) (any, error){
	{"collections", "OrderedDict"}:               newOrderedDict,
	{"torch", "Size"}:                            newSize,
	{"torch._utils", "_rebuild_tensor"}:          rebuildTensor,
	{"torch._utils", "_rebuild_tensor_v2"}:       rebuildTensor,
	{"torch._utils", "_rebuild_tensor_v3"}:       rebuildTensor,
	{"torch._utils", "_rebuild_parameter"}:       rebuildParameter,
	{"torch.nn.parameter", "_rebuild_parameter"}: rebuildParameter,
}

// torchAllowed is the list of globals that a checkpoint may name.
func torchAllowed(g global) bool {
	_, call := torchCalls[g]
	_, storage := storageDType(g)
	_, dtype := tensorDType(g)
	return call || storage || dtype
}

func torchCall(f global, args []any) (any, error) {
	call, ok := torchCalls[f]
	if !ok {
		return nil, forbidden(fmt.Sprintf("a call of the Python global %.200q", f.String()))
	}
	return call(args)
}

// newOrderedDict is OrderedDict(), or OrderedDict(list of pairs) as Python 2 wrote it.
func newOrderedDict(args []any) (any, error) {
	d := &pickleDict{}
	if len(args) == 0 {
		return d, nil
	}
	list, ok := args[0].(*pickleList)
	if !ok || len(args) > 1 {
		return nil, fmt.Errorf("OrderedDict of %s", describeValue(args[0]))
	}
	for _, item := range list.items {
		var pair []any
		switch item := item.(type) {
		case *pickleTuple:
			pair = item.items
		case *pickleList:
			pair = item.items
		}
		if len(pair) != 2 {
			return nil, fmt.Errorf("OrderedDict of a list of %s", describeValue(item))
		}
		d.keys, d.values = append(d.keys, pair[0]), append(d.values, pair[1])
	}
	return d, nil
}

func newSize(args []any) (any, error) {
	if len(args) == 1 {
		if t, ok := args[0].(*pickleTuple); ok {
			return t, nil
		}
	}
	return nil, fmt.Errorf("torch.Size of %d arguments", len(args))
}

// rebuildParameter is _rebuild_parameter(data, requires_grad, backward_hooks).
func rebuildParameter(args []any) (any, error) {
	if len(args) > 0 {
		if t, ok := args[0].(*torchTensor); ok {
			return t, nil
		}
	}
	return nil, fmt.Errorf("a parameter without a tensor")
}

// torchStorage is a run of elements in the file. Tensors that are tied share one.
type torchStorage struct {
	dtype    dtypes.DType
	elements uint64
	data     []byte // in the file's byte order
	swap     bool   // the file is big-endian
}

// torchTensor is a view of a storage, in elements.
type torchTensor struct {
	storage *torchStorage
	dtype   dtypes.DType
	offset  uint64
	shape   []int
	strides []uint64
}

// rebuildTensor is _rebuild_tensor_v2(storage, storage_offset, size, stride, requires_grad, backward_hooks, metadata); the
// first version ends after stride, and the third has the dtype before metadata, for dtypes that have no storage class.
func rebuildTensor(args []any) (any, error) {
	if len(args) < 4 {
		return nil, fmt.Errorf("a tensor of %d arguments", len(args))
	}
	storage, ok := args[0].(*torchStorage)
	size, ok1 := args[2].(*pickleTuple)
	stride, ok2 := args[3].(*pickleTuple)
	if !ok || !ok1 || !ok2 {
		return nil, fmt.Errorf("a tensor of %s, %s and %s: expected a storage and two tuples",
			describeValue(args[0]), describeValue(args[2]), describeValue(args[3]))
	}
	t := &torchTensor{storage: storage, dtype: storage.dtype}
	if len(args) > 6 {
		if g, ok := args[6].(global); ok {
			if t.dtype, ok = tensorDType(g); !ok {
				return nil, fmt.Errorf("a tensor of dtype %s", describeValue(g))
			}
		}
	}
	var err error
	if t.offset, err = natural(args[1]); err != nil {
		return nil, err
	}
	if len(size.items) != len(stride.items) || len(size.items) > 64 {
		return nil, fmt.Errorf("a tensor with %d sizes and %d strides", len(size.items), len(stride.items))
	}
	for i := range size.items {
		n, err := natural(size.items[i])
		if err != nil {
			return nil, err
		}
		step, err := natural(stride.items[i])
		if err != nil {
			return nil, err
		}
		t.shape, t.strides = append(t.shape, int(n)), append(t.strides, step)
	}
	return t, nil
}

// natural is a whole number of at least 0 and below 2^63.
func natural(v any) (uint64, error) {
	n, ok := v.(int64)
	if !ok || n < 0 {
		return 0, fmt.Errorf("%s where a tensor's size, stride or offset should be", describeValue(v))
	}
	return uint64(n), nil
}

// check refuses a view that reaches outside its storage, or that reads elements of it more than once: an expanded tensor
// would take memory that the file does not have.
func (t *torchTensor) check() (problem, expected, found string) {
	have := t.storage.elements
	if t.dtype != t.storage.dtype { // version 3: the storage counts bytes
		have = have * torchWidth(t.storage.dtype) / torchWidth(t.dtype)
	}
	n, ok := elements(t.shape)
	if !ok || n > have {
		return "the view has more elements than its storage", fmt.Sprintf("at most %d", have), fmt.Sprintf("shape %v", t.shape)
	}
	if n == 0 {
		return "", "", ""
	}
	last := t.offset
	for i, size := range t.shape {
		hi, span := bits.Mul64(uint64(size-1), t.strides[i])
		if hi != 0 || span > 1<<62 || last > 1<<62 {
			last = 1<<63 - 1
			break
		}
		last += span
	}
	if last >= have {
		return "the view reaches outside its storage", fmt.Sprintf("elements 0 to %d", have-1),
			fmt.Sprintf("offset %d, shape %v, strides %v", t.offset, t.shape, t.strides)
	}
	return "", "", ""
}

// torchWidth is the size of an element in bytes: torch has no smaller ones.
func torchWidth(d dtypes.DType) uint64 { return dtypeTable[dtypeRank(d)].bits / 8 }

// contiguous tells whether the view is a run of its storage.
func (t *torchTensor) contiguous() bool {
	want := uint64(1)
	for i, size := range slices.Backward(t.shape) {
		if size != 1 && t.strides[i] != want {
			return size == 0 || slices.Contains(t.shape, 0)
		}
		want *= uint64(size)
	}
	return true
}

// bytes returns the elements little-endian and row-major: the mapped file itself where they stand there so, else a copy.
func (t *torchTensor) bytes() []byte {
	width := torchWidth(t.dtype)
	n, _ := elements(t.shape)
	if n == 0 {
		return nil
	}
	var out []byte
	if t.contiguous() {
		start := t.offset * width
		out = t.storage.data[start : start+n*width : start+n*width]
		if !t.storage.swap || width == 1 {
			return out
		}
		out = slices.Clone(out)
	} else {
		out = make([]byte, 0, n*width)
		t.gather(0, t.offset, width, &out)
	}
	if t.storage.swap {
		if t.dtype == dtypes.Complex64 {
			width /= 2 // two numbers
		}
		for i := uint64(0); i < uint64(len(out)); i += width {
			slices.Reverse(out[i : i+width])
		}
	}
	return out
}

// gather appends the elements of axis and the axes after it.
func (t *torchTensor) gather(axis int, at, width uint64, out *[]byte) {
	if axis == len(t.shape) {
		*out = append(*out, t.storage.data[at*width:(at+1)*width]...)
		return
	}
	for i := range t.shape[axis] {
		t.gather(axis+1, at+uint64(i)*t.strides[axis], width, out)
	}
}

// Where training scripts keep the state dict beside other things.
var stateDictKeys = []string{"state_dict", "model_state_dict", "model", "module"}

// stateDict finds the tensors by name: in a plain dict, or in one below a usual key. Entries that are not tensors are left
// out, and "module." of DataParallel, where every name has it, is cut off.
func stateDict(v any) (map[string]*torchTensor, error) {
	for range 4 {
		d, ok := v.(*pickleDict)
		if !ok {
			return nil, fmt.Errorf("expected a dict of tensors, found %s", describeValue(v))
		}
		found, all := map[string]*torchTensor{}, true
		for i, key := range d.keys {
			name, isName := key.(string)
			if t, ok := d.values[i].(*torchTensor); ok && isName {
				found[name] = t
				all = all && strings.HasPrefix(name, "module.")
			} else if isName {
				delete(found, name) // set again, to something else
			}
		}
		if len(found) > 0 {
			return withoutPrefix(found, all), nil
		}
		v = nil
		for _, key := range stateDictKeys {
			if inner, ok := d.last(key); ok {
				v = inner
				break
			}
		}
		if v == nil {
			break
		}
	}
	return nil, fmt.Errorf("expected a dict of tensors, or one below %s, found a dict without tensors", strings.Join(stateDictKeys, ", "))
}

func withoutPrefix(found map[string]*torchTensor, cut bool) map[string]*torchTensor {
	if !cut {
		return found
	}
	out := make(map[string]*torchTensor, len(found))
	for name, t := range found {
		out[strings.TrimPrefix(name, "module.")] = t
	}
	return out
}
