package lora_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/januslm/janus/lora"
)

const (
	kProj = "model.layers.0.self_attn.k_proj"
	in    = 5
	out   = 4
)

// base returns the weight and bias of every module of the tests: [out,in] and [out].
func base(name string) ([]float32, []int, error) {
	if strings.HasSuffix(name, ".bias") {
		return randomInput(uint64(len(name)), out), []int{out}, nil
	}
	return randomInput(uint64(len(name)), out, in), []int{out, in}, nil
}

// mixture makes adapters of unlike kinds: plain of rank 2 on q, rsLoRA of rank 3 with a pattern on q and k, DoRA on k, and
// one that trains q's bias.
func mixture(t *testing.T) []*lora.Adapter {
	t.Helper()
	dora := module(kProj, 2, in, out)
	dora.Magnitude = randomInput(7, out)
	biased, err := lora.New("biased", lora.Config{R: 1, Alpha: 2, Bias: "lora_only"}, []*lora.Module{module(qProj, 1, in, out)},
		map[string]lora.Values{qProj + ".bias": {Shape: []int{out}, Data: randomInput(8, out)}})
	if err != nil {
		t.Fatal(err)
	}
	return []*lora.Adapter{
		adapter(t, "plain", lora.Config{R: 2, Alpha: 3}, module(qProj, 2, in, out)),
		adapter(t, "rs", lora.Config{R: 3, Alpha: 4, RSLoRA: true, RankPattern: lora.Patterns{{Key: "k_proj", Value: 1}}},
			module(qProj, 3, in, out), module(kProj, 1, in, out)),
		adapter(t, "dora", lora.Config{R: 2, Alpha: 1, DoRA: true}, dora),
		biased,
	}
}

// wanted is what a row on an adapter must give: its input times the merged weight, plus what the bias gains.
func wanted(t *testing.T, adapters []*lora.Adapter, index int, key string, x []float32) []float32 {
	t.Helper()
	w, shape, _ := base(key + ".weight")
	bias, biasShape, _ := base(key + ".bias")
	gain := make([]float32, len(bias))
	if index >= 0 {
		if err := adapters[index].MergeInto(key+".weight", w, shape); err != nil {
			t.Fatal(err)
		}
		copy(gain, bias)
		if err := adapters[index].MergeInto(key+".bias", gain, biasShape); err != nil {
			t.Fatal(err)
		}
		for i := range gain {
			gain[i] -= bias[i]
		}
	}
	return product(x, w, shape, gain)
}

// projection is a program: q and k of x for rows with the given adapters. Its inputs are x, adapter, owner, scale, the
// two weights and the bank's parameters.
func projection(t *testing.T, bank *lora.Bank) *Exec {
	t.Helper()
	return MustNewExec(testBackend(t).Backend, func(n []*Node) []*Node {
		rows := lora.NewRows(n[1], n[2], n[3], bank.Slots())
		inputs := bank.Bind(n[6:])
		var y []*Node
		for i, key := range []string{qProj, kProj} {
			y = append(y, inputs[key].Apply(n[0], DotGeneral(n[0], []int{-1}, nil, n[4+i], []int{1}, nil), rows))
		}
		return y
	})
}

func arguments(bank *lora.Bank, x *tensors.Tensor, adapter []int32) []any {
	args := []any{x, adapter, bank.Owner(), bank.Scale()}
	for _, key := range []string{qProj, kProj} {
		w, shape, _ := base(key + ".weight")
		args = append(args, tensors.FromFlatDataAndDimensions(w, shape...))
	}
	for _, p := range bank.Params() {
		args = append(args, tensors.FromFlatDataAndDimensions(p.Data, p.Shape...))
	}
	return args
}

// Each row of a mixed batch gives what its own merged weights give, for prompts [B,S,in] and single steps [B,in].
func TestBankMixesAdaptersByRow(t *testing.T) {
	adapters := mixture(t)
	bank, err := lora.NewBank(adapters, lora.BankOptions{Base: base})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int32{0, 0, 1, 1, 1, 2, 2, 3}, bank.Owner()); diff != "" {
		t.Errorf("owner: %s", diff)
	}
	rows := []int32{3, -1, 1, 0, 2, 1}
	for _, dims := range [][]int{{len(rows), 3, in}, {len(rows), in}} {
		x := randomInput(9, dims...)
		results, err := projection(t, bank).Call(arguments(bank, tensors.FromFlatDataAndDimensions(x, dims...), rows)...)
		if err != nil {
			t.Fatal(err)
		}
		for i, key := range []string{qProj, kProj} {
			got := tensors.MustCopyFlatData[float32](results[i])
			mine, perRow := len(x)/len(rows), len(got)/len(rows)
			for row, index := range rows {
				want := wanted(t, adapters, int(index), key, x[row*mine:(row+1)*mine])
				if diff := maxDiff(got[row*perRow:(row+1)*perRow], want); !(diff <= 1e-5) {
					t.Errorf("%v, %s, row %d on adapter %d: error %g", dims, key, row, index, diff)
				}
			}
		}
	}
}

// Adapters of one room take each other's place without another compilation, and leave nothing behind.
func TestBankReplace(t *testing.T) {
	all := mixture(t)
	bank, err := lora.NewBank(nil, lora.BankOptions{Slots: 2, Rank: 3, Modules: []string{qProj, kProj}, Magnitude: true, Bias: true, Base: base})
	if err != nil {
		t.Fatal(err)
	}
	compiled := 0
	exec := MustNewExec(testBackend(t).Backend, func(n []*Node) *Node {
		compiled++
		rows := lora.NewRows(n[1], n[2], n[3], bank.Slots())
		return bank.Bind(n[6:])[kProj].Apply(n[0], DotGeneral(n[0], []int{-1}, nil, n[5], []int{1}, nil), rows)
	})
	resident := make([]*lora.Adapter, 2)
	for _, step := range []struct {
		slot    int
		adapter *lora.Adapter
	}{{0, all[0]}, {1, all[1]}, {0, all[2]}, {1, all[3]}, {0, nil}, {0, all[1]}} {
		mirror := map[string][]float32{}
		for _, p := range bank.Params() {
			mirror[p.Name] = slices.Clone(p.Data)
		}
		changed, err := bank.Replace(step.slot, step.adapter)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range changed {
			bank.CopySlot(mirror[p.Name], p, step.slot)
		}
		for _, p := range bank.Params() {
			if diff := cmp.Diff(p.Data, mirror[p.Name]); diff != "" {
				t.Errorf("after %v, %s (-bank +what CopySlot told of it): %s", step, p.Name, diff)
			}
		}
		resident[step.slot] = step.adapter
		x := randomInput(3, 3, in)
		results, err := exec.Call(arguments(bank, tensors.FromFlatDataAndDimensions(x, 3, in), []int32{-1, 0, 1})...)
		if err != nil {
			t.Fatal(err)
		}
		got := tensors.MustCopyFlatData[float32](results[0])
		for row, adapter := range []*lora.Adapter{nil, resident[0], resident[1]} {
			index := slices.Index(all, adapter) // -1: the base
			want := wanted(t, all, index, kProj, x[row*in:(row+1)*in])
			if diff := maxDiff(got[row*out:(row+1)*out], want); !(diff <= 1e-5) {
				t.Errorf("after %v, row %d: error %g", step, row, diff)
			}
		}
	}
	if compiled != 1 {
		t.Errorf("compiled %d times, expected once", compiled)
	}
}

// What does not fit is refused and leaves the bank as it was.
func TestBankReplaceRefuses(t *testing.T) {
	all := mixture(t)
	plain := lora.BankOptions{Slots: 2, Rank: 2, Modules: []string{kProj, qProj}, Base: base}
	for name, test := range map[string]struct {
		options lora.BankOptions
		slot    int
		adapter *lora.Adapter
		noRoom  bool
		want    string
	}{
		"rank":      {plain, 1, all[1], true, "its rank is 3, the slot is for 2"},
		"module":    {lora.BankOptions{Slots: 2, Rank: 3, Base: base}, 1, all[1], true, "module "},
		"magnitude": {plain, 1, all[2], true, "DoRA's magnitude"},
		"slot":      {plain, 2, all[0], false, "slot 2 is not there: the bank has 2"},
		"name":      {plain, 1, all[0], false, `two adapters are named "plain"`},
	} {
		t.Run(name, func(t *testing.T) {
			bank, err := lora.NewBank(all[:1], test.options)
			if err != nil {
				t.Fatal(err)
			}
			copied := func() (all [][]float32) {
				for _, p := range bank.Params() {
					all = append(all, slices.Clone(p.Data))
				}
				return all
			}
			before := copied()
			_, err = bank.Replace(test.slot, test.adapter)
			if err == nil || !strings.Contains(err.Error(), test.want) || errors.Is(err, lora.ErrNoRoom) != test.noRoom {
				t.Errorf("got %v, expected %q in it", err, test.want)
			}
			if diff := cmp.Diff(before, copied()); diff != "" {
				t.Error("the bank changed")
			}
		})
	}
}

// The hook works inside a While body, where all values are the body's own parameters.
func TestApplyInLoop(t *testing.T) {
	adapters := mixture(t)
	bank, err := lora.NewBank(adapters, lora.BankOptions{Base: base})
	if err != nil {
		t.Fatal(err)
	}
	const steps = 3
	rows := []int32{0, 2, -1}
	x := randomInput(5, len(rows), in)
	exec := MustNewExec(testBackend(t).Backend, func(n []*Node) *Node {
		g := n[0].Graph()
		made := lora.NewRows(n[1], n[2], n[3], bank.Slots())
		sum := DotGeneral(n[0], []int{-1}, nil, n[5], []int{1}, nil)
		state := append([]*Node{Const(g, int32(0)), Sub(sum, sum), made.Scale, made.Slot}, n...)
		parameters := func(g *Graph, name string) []*Node {
			own := make([]*Node, len(state))
			for i, s := range state {
				own[i] = Parameter(g, fmt.Sprint(name, i), s.Shape())
			}
			return own
		}
		cond := NewClosure(g, func(g *Graph) []*Node {
			return []*Node{LessThan(parameters(g, "cond")[0], Const(g, int32(steps)))}
		})
		body := NewClosure(g, func(g *Graph) []*Node {
			s := parameters(g, "body")
			x, w, params := s[4], s[9], s[10:]
			y := bank.Bind(params)[kProj].Apply(x, DotGeneral(x, []int{-1}, nil, w, []int{1}, nil), lora.Rows{Scale: s[2], Slot: s[3]})
			next := append([]*Node{}, s...)
			next[0], next[1] = Add(s[0], Const(g, int32(1))), Add(s[1], y)
			return next
		})
		return While(cond, body, state...)[1]
	})
	results, err := exec.Call(arguments(bank, tensors.FromFlatDataAndDimensions(x, len(rows), in), rows)...)
	if err != nil {
		t.Fatal(err)
	}
	got := tensors.MustCopyFlatData[float32](results[0])
	for row, index := range rows {
		want := wanted(t, adapters, int(index), kProj, x[row*in:(row+1)*in])
		for i := range want {
			want[i] *= steps
		}
		if diff := maxDiff(got[row*out:(row+1)*out], want); !(diff <= 1e-5) {
			t.Errorf("row %d: error %g", row, diff)
		}
	}
}

func TestNewBankRefuses(t *testing.T) {
	all := mixture(t)
	saved := func(tensor string, shape ...int) *lora.Adapter {
		a, err := lora.New("saved", lora.Config{R: 1, Alpha: 1, Bias: "all"}, nil,
			map[string]lora.Values{tensor: {Shape: shape, Data: randomInput(1, shape...)}})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	norms := func(string) ([]float32, []int, error) { return make([]float32, 4), []int{4}, nil }
	broken := func(string) ([]float32, []int, error) { return nil, nil, errors.New("gone") }
	tests := map[string]struct {
		adapters []*lora.Adapter
		options  lora.BankOptions
		want     string
	}{
		"too many adapters": {all, lora.BankOptions{Slots: 3, Base: base}, "4 adapters do not fit into 3 slots"},
		"one name twice":    {[]*lora.Adapter{all[0], all[0]}, lora.BankOptions{Base: base}, `two adapters are named "plain"`},
		"no base":           {all, lora.BankOptions{}, "BankOptions.Base is nil"},
		"base fails":        {all, lora.BankOptions{Base: broken}, "base tensor " + kProj + ".weight: gone"},
		"a whole module":    {[]*lora.Adapter{saved("lm_head.weight", 3, 2)}, lora.BankOptions{Base: base}, "lm_head.weight: the adapter cannot be used live"},
		"bias of a norm":    {[]*lora.Adapter{saved("norm.bias", 4)}, lora.BankOptions{Base: norms}, "norm.bias: the adapter cannot be used live"},
		"bias of a size":    {[]*lora.Adapter{saved(qProj+".bias", 9)}, lora.BankOptions{Base: base}, "the adapter's has 9 values, the base's 4"},
		"two bases": {[]*lora.Adapter{all[0], adapter(t, "wide", lora.Config{R: 1, Alpha: 1}, module(qProj, 1, in+1, out))},
			lora.BankOptions{Base: base}, "weight of shape [4 6], the base or another adapter has [4 5]"},
		"room for a norm": {nil, lora.BankOptions{Modules: []string{"norm"}, Base: norms}, "module norm has a weight of shape [4]"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := lora.NewBank(test.adapters, test.options)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, expected %q in it", err, test.want)
			}
		})
	}
}

func TestBankIndex(t *testing.T) {
	bank, err := lora.NewBank(mixture(t), lora.BankOptions{Base: base})
	if err != nil {
		t.Fatal(err)
	}
	if i, ok := bank.Index("dora"); i != 2 || !ok {
		t.Errorf("got %d %v", i, ok)
	}
	if _, ok := bank.Index("xss"); ok {
		t.Error("an unknown adapter was found")
	}
}
