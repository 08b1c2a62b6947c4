package model

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/transformer"
	"github.com/januslm/janus/weights"
)

// MaxAdapters is how many adapters may be resident at once.
const MaxAdapters = 16

// AdapterRoom is what is kept on the device for adapters that come later, by [Model.SetAdapter], so that none of them costs
// a compilation. The zero value keeps the room of the adapters that the model is opened with: others of their kind (the
// same modules and at most the same ranks) can take their places.
type AdapterRoom struct {
	Slots int // adapters at once
	Rank  int // of each
	// AllLinear keeps room in every projection of the layers, for adapters of target modules that are not known yet.
	AllLinear bool
}

// openAdapters reads the adapters, checks them against the base, and lays live ones out in a bank.
func (m *Model) openAdapters(o Options) error {
	if n := max(len(o.Adapters), o.AdapterRoom.Slots); n > MaxAdapters {
		return fmt.Errorf("%d adapters are asked for, and at most %d can be resident at once", n, MaxAdapters)
	}
	for _, dir := range o.Adapters {
		a, err := m.ReadAdapter(dir)
		if err != nil {
			return err
		}
		m.adapters = append(m.adapters, a)
	}
	m.merged = o.Merge
	m.room = o.AdapterRoom
	if len(m.adapters) == 0 && m.room.Slots == 0 || o.Merge {
		return nil
	}
	return m.layOut()
}

// Adapters are the adapters, in the order of their indices.
func (m *Model) Adapters() []*lora.Adapter {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.adapters)
}

// AdapterIndex is the index of a named adapter, for [Row] and [Model.SetAdapter]: its name is its folder's base name.
func (m *Model) AdapterIndex(name string) (int, error) {
	var names []string
	for i, a := range m.Adapters() {
		if a.Name == name {
			return i, nil
		}
		names = append(names, a.Name)
	}
	if names == nil {
		return 0, fmt.Errorf("adapter %q is not there: the model has none", name)
	}
	return 0, fmt.Errorf("adapter %q is not there: expected one of %s", name, strings.Join(names, ", "))
}

// ReadAdapter reads an adapter, which the model is not opened with, and checks it against the base.
func (m *Model) ReadAdapter(dir string) (*lora.Adapter, error) {
	a, err := lora.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := m.renameAdapter(a); err != nil {
		return nil, err
	}
	err = a.Check(func(tensor string) ([]int, bool) {
		shape, ok := m.tensors[tensor]
		return shape, ok && shape != nil
	})
	if err != nil {
		return nil, fmt.Errorf("adapter %s does not fit model %s: %w", dir, m.dir, a.Suggest(err, m.tensors))
	}
	return a, nil
}

// layOut makes a bank of the adapters and puts it on the device.
func (m *Model) layOut() error {
	options := lora.BankOptions{Slots: max(m.room.Slots, len(m.adapters)), Rank: m.room.Rank, Base: m.baseTensor}
	if m.room.AllLinear {
		options.Modules = m.linearModules
	}
	bank, err := lora.NewBank(m.adapters, options)
	if errors.Is(err, lora.ErrMustMerge) {
		return fmt.Errorf("%w (--merge does)", err)
	}
	if err != nil {
		return err
	}
	list, err := m.uploadBank(bank.Params())
	if err != nil {
		return err
	}
	m.dropBank()
	m.bank = bank
	m.bankValues = append(list,
		value{"lora.owner", tensors.FromFlatDataAndDimensions(bank.Owner(), bank.Rank())},
		value{"lora.scale", tensors.FromFlatDataAndDimensions(bank.Scale(), bank.Rank())})
	return nil
}

// baseTensor reads one of the base's tensors for a bank, which may want it long after the model was opened.
func (m *Model) baseTensor(tensor string) (values []float32, shape []int, err error) {
	c, _, err := OpenCheckpoint(m.dir, m.config)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	t, ok := c.Tensor(tensor)
	if !ok {
		return nil, nil, fs.ErrNotExist
	}
	values, err = weights.ToFloat32(t)
	return values, t.Shape, err
}

func (m *Model) uploadBank(params []lora.Param) ([]value, error) {
	var list []value
	for _, p := range params {
		t, err := upload(m.backend.Backend, m.dtype, p.Data, p.Shape...)
		if err != nil {
			finalizeValues(list)
			return nil, fmt.Errorf("tensor %s of the adapters: %w", p.Name, err)
		}
		list = append(list, value{"lora." + p.Name, t})
	}
	return list, nil
}

func (m *Model) dropBank() {
	finalizeValues(m.bankValues)
	m.bank, m.bankValues = nil, nil
}

// SetAdapter reads a PEFT folder and makes it adapter i, in place of what was there; i is at most the number of adapters.
// The base stays where it is. Where the adapter fits into the room (see [AdapterRoom]) nothing is compiled again and only
// its own tensors go to the device; else the bank is laid out anew, and programs are compiled again when they are next
// used. On an error the model is as it was.
func (m *Model) SetAdapter(i int, dir string) error {
	if m.merged {
		return fmt.Errorf("adapter %s: the model's adapters are merged into its weights; open it without Merge to exchange them", dir)
	}
	a, err := m.ReadAdapter(dir)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.programs == nil:
		return errClosed
	case i < 0 || i > len(m.adapters):
		return fmt.Errorf("adapter %d is not there; the model has %d", i, len(m.adapters))
	case i >= MaxAdapters:
		return fmt.Errorf("adapter %s: at most %d can be resident at once", dir, MaxAdapters)
	}
	after := slices.Clone(m.adapters)
	if i == len(after) {
		after = append(after, nil)
	}
	after[i] = a
	if err := m.checkHeads(after); err != nil {
		return err
	}
	err = m.replace(i, a)
	if errors.Is(err, lora.ErrNoRoom) {
		err = m.layOutAgain(after)
	}
	if err != nil {
		return fmt.Errorf("adapter %s: %w", dir, err)
	}
	m.adapters = after
	if p, ok := m.prefixes[int32(i)]; ok {
		p.finalize()
		delete(m.prefixes, int32(i))
	}
	return nil
}

// replace puts an adapter into a slot of the bank.
func (m *Model) replace(i int, a *lora.Adapter) (err error) {
	if m.bank == nil || i >= m.bank.Slots() {
		return lora.ErrNoRoom
	}
	before := m.bank.Adapters()[i]
	changed, err := m.bank.Replace(i, a)
	if err != nil {
		return err
	}
	index := make(map[string]int, len(m.bankValues))
	for at, v := range m.bankValues {
		index[v.name] = at
	}
	renew := func(changed []lora.Param) error {
		for _, p := range changed {
			if err := m.renew(&m.bankValues[index["lora."+p.Name]], p, i); err != nil {
				return err
			}
		}
		return nil
	}
	if err := renew(changed); err != nil {
		changed, undo := m.bank.Replace(i, before)
		return errors.Join(err, undo, renew(changed))
	}
	return nil
}

// renew brings slot i of a tensor on the device up to date. Where the device's memory is the host's, as on a CPU, only the
// slot is copied.
func (m *Model) renew(v *value, p lora.Param, i int) error {
	if v.tensor.IsShared() && v.tensor.DType() == dtypes.Float32 {
		return tensors.MutableFlatData(v.tensor, func(flat []float32) { m.bank.CopySlot(flat, p, i) })
	}
	list, err := m.uploadBank([]lora.Param{p})
	if err != nil {
		return err
	}
	finalizeValues([]value{*v})
	*v = list[0]
	return nil
}

// layOutAgain makes a larger bank. Its shapes are new, so the programs have to be compiled again.
func (m *Model) layOutAgain(adapters []*lora.Adapter) error {
	before := m.adapters
	m.adapters = adapters
	if err := m.layOut(); err != nil {
		m.adapters = before
		return err
	}
	m.dropPrograms()
	return nil
}

// linearModules lists the projections of the layers, PEFT's "all-linear": every matrix but the LM head.
func linearModules(list []transformer.Tensor, config *transformer.Config) []string {
	var modules []string
	for _, t := range list {
		if t.Kind == transformer.Matrix && !slices.Equal(t.Shape, []int{config.VocabSize, config.HiddenSize}) {
			modules = append(modules, strings.TrimSuffix(t.Key, ".weight"))
		}
	}
	return modules
}
