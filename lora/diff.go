package lora

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
)

// Diff is how two adapters differ.
type Diff struct {
	Settings []SettingDiff `json:"settings"` // of adapter_config.json, where they differ
	Modules  []ModuleDiff  `json:"modules"`  // by name
	Replaced []ModuleDiff  `json:"replaced"` // the base tensors that either replaces
	// Relative and Cosine are over all modules that both have, with ΔW as one long vector.
	Relative float64 `json:"relative"`
	Cosine   float64 `json:"cosine"`
}

// SettingDiff is a setting that differs, as JSON; "" where it is not given.
type SettingDiff struct {
	Key string `json:"key"`
	A   string `json:"a"`
	B   string `json:"b"`
}

// ModuleDiff compares what two adapters add to one module: ΔW = s·B·A [out,in].
type ModuleDiff struct {
	Name  string `json:"name"`
	Only  string `json:"only,omitempty"` // "a" or "b": the other adapter leaves the module alone
	Shape []int  `json:"shape"`          // of ΔW
	RankA int    `json:"rank_a"`
	RankB int    `json:"rank_b"`
	// NormA and NormB are Frobenius norms of ΔW.
	NormA float64 `json:"norm_a"`
	NormB float64 `json:"norm_b"`
	// Relative is ‖ΔWa − ΔWb‖ / max(‖ΔWa‖, ‖ΔWb‖): 0 for equal ones, 1 where one of them is 0, up to 2 for opposite ones.
	Relative float64 `json:"relative"`
	// Cosine is ⟨ΔWa, ΔWb⟩ / (‖ΔWa‖·‖ΔWb‖); 0 where one of them is 0.
	Cosine float64 `json:"cosine"`
	// Misfit says why ΔW cannot be compared: the shapes differ.
	Misfit string `json:"misfit,omitempty"`
}

// sums are the inner products of two vectors.
type sums struct{ aa, bb, ab float64 }

func (s *sums) add(o sums) { s.aa += o.aa; s.bb += o.bb; s.ab += o.ab }

func (s sums) relative() float64 {
	largest := math.Sqrt(max(s.aa, s.bb))
	if largest == 0 {
		return 0
	}
	return math.Sqrt(max(0, s.aa+s.bb-2*s.ab)) / largest
}

func (s sums) cosine() float64 {
	if s.aa == 0 || s.bb == 0 {
		return 0
	}
	return max(-1, min(1, s.ab/math.Sqrt(s.aa*s.bb)))
}

// Compare tells how two adapters differ, module by module. DoRA's magnitudes are not part of ΔW: they need the base's
// weights; whether they differ is told as a setting.
func Compare(a, b *Adapter) (*Diff, error) {
	d := &Diff{}
	var err error
	if d.Settings, err = compareSettings(&a.Config, &b.Config); err != nil {
		return nil, err
	}
	var total sums
	for _, name := range union(a.modules, b.modules) {
		m := compareModules(name, a, b, &total)
		d.Modules = append(d.Modules, m)
	}
	if magnitudesDiffer(a, b) {
		d.Settings = append(d.Settings, SettingDiff{"lora_magnitude_vector", "other values", "other values"})
	}
	for _, name := range union(a.replaced, b.replaced) {
		d.Replaced = append(d.Replaced, compareReplaced(name, a, b))
	}
	d.Relative, d.Cosine = total.relative(), total.cosine()
	return d, nil
}

// union is the keys of both, sorted.
func union[V any](a, b map[string]V) []string {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(keys)
	return slices.Compact(keys)
}

func compareModules(name string, a, b *Adapter, total *sums) ModuleDiff {
	ma, mb := a.modules[name], b.modules[name]
	d := ModuleDiff{Name: name, Only: only(ma != nil, mb != nil)}
	for _, m := range []*Module{mb, ma} {
		if m != nil {
			d.Shape = []int{m.Out, m.In}
		}
	}
	if ma != nil && mb != nil && (ma.In != mb.In || ma.Out != mb.Out) {
		d.Misfit = fmt.Sprintf("[%d %d] against [%d %d]", ma.Out, ma.In, mb.Out, mb.In)
	}
	var s sums
	if ma != nil {
		d.RankA = ma.Rank
		s.aa = inner(ma, a.Config.Scale(name), ma, a.Config.Scale(name))
	}
	if mb != nil {
		d.RankB = mb.Rank
		s.bb = inner(mb, b.Config.Scale(name), mb, b.Config.Scale(name))
	}
	d.NormA, d.NormB = math.Sqrt(s.aa), math.Sqrt(s.bb)
	if d.Misfit != "" {
		return d
	}
	if ma != nil && mb != nil {
		s.ab = inner(ma, a.Config.Scale(name), mb, b.Config.Scale(name))
		total.add(s)
	}
	d.Relative, d.Cosine = s.relative(), s.cosine()
	return d
}

func only(a, b bool) string {
	switch {
	case a && !b:
		return "a"
	case b && !a:
		return "b"
	}
	return ""
}

// inner is ⟨s·B·A, t·D·C⟩ = s·t·trace((BᵀD)(C Aᵀ)), which needs no matrix of the module's size.
func inner(x *Module, s float64, y *Module, t float64) float64 {
	total := 0.0
	for i := range x.Rank {
		for j := range y.Rank {
			var outer, in float64
			for o := range x.Out {
				outer += float64(x.B[o*x.Rank+i]) * float64(y.B[o*y.Rank+j])
			}
			for k := range x.In {
				in += float64(x.A[i*x.In+k]) * float64(y.A[j*y.In+k])
			}
			total += outer * in
		}
	}
	return s * t * total
}

func magnitudesDiffer(a, b *Adapter) bool {
	for name, m := range a.modules {
		if o := b.modules[name]; o != nil && m.Magnitude != nil && o.Magnitude != nil && !slices.Equal(m.Magnitude, o.Magnitude) {
			return true
		}
	}
	return false
}

// compareReplaced compares tensors that take a base tensor's place, as they are.
func compareReplaced(name string, a, b *Adapter) ModuleDiff {
	va, okA := a.replaced[name]
	vb, okB := b.replaced[name]
	d := ModuleDiff{Name: name, Only: only(okA, okB), Shape: va.Shape}
	if !okA {
		d.Shape = vb.Shape
	}
	if okA && okB && !slices.Equal(va.Shape, vb.Shape) {
		d.Misfit = fmt.Sprintf("%v against %v", va.Shape, vb.Shape)
	}
	var s sums
	for i, x := range va.Data {
		s.aa += float64(x) * float64(x)
		if okB && d.Misfit == "" {
			s.ab += float64(x) * float64(vb.Data[i])
		}
	}
	for _, x := range vb.Data {
		s.bb += float64(x) * float64(x)
	}
	d.NormA, d.NormB = math.Sqrt(s.aa), math.Sqrt(s.bb)
	if d.Misfit == "" {
		d.Relative, d.Cosine = s.relative(), s.cosine()
	}
	return d
}

// compareSettings compares what the two configurations would be saved as.
func compareSettings(a, b *Config) ([]SettingDiff, error) {
	var list [2]map[string]json.RawMessage
	for i, c := range []*Config{a, b} {
		data, err := c.marshal()
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(data, &list[i]); err != nil {
			return nil, err
		}
	}
	var diff []SettingDiff
	for _, key := range union(list[0], list[1]) {
		text := [2]string{}
		for i := range text {
			var b bytes.Buffer
			if value, ok := list[i][key]; ok {
				if err := json.Compact(&b, value); err != nil {
					return nil, err
				}
			}
			text[i] = b.String()
		}
		if text[0] != text[1] {
			diff = append(diff, SettingDiff{key, text[0], text[1]})
		}
	}
	return diff, nil
}
