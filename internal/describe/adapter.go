package describe

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/weights"
)

// Adapter is what an adapter's folder says.
type Adapter struct {
	Path          string               `json:"path"`
	Type          string               `json:"type"` // LoRA, rsLoRA, DoRA or both
	Base          string               `json:"base,omitempty"`
	Task          string               `json:"task,omitempty"`
	Rank          int                  `json:"rank"`
	Alpha         float64              `json:"alpha"`
	RankPattern   lora.Patterns        `json:"rank_pattern,omitempty"`
	AlphaPattern  lora.Patterns        `json:"alpha_pattern,omitempty"`
	Targets       lora.Targets         `json:"target_modules"`
	Layers        []int                `json:"layers_to_transform,omitempty"`
	Bias          string               `json:"bias"`
	ModulesToSave []string             `json:"modules_to_save,omitempty"`
	PEFTVersion   string               `json:"peft_version,omitempty"`
	Modules       []ModuleKind         `json:"modules"`
	Replaced      []string             `json:"replaced,omitempty"` // base tensors that the adapter takes the place of
	Parameters    int64                `json:"parameters"`
	Bytes         int64                `json:"bytes"`
	DTypes        []weights.DTypeShare `json:"dtypes"`
	SHA256        string               `json:"sha256"`
	Notes         []string             `json:"notes,omitempty"`
}

// ModuleKind is the adapted modules that differ by their layer only.
type ModuleKind struct {
	Name  string  `json:"name"` // with N for the layer
	Count int     `json:"count"`
	In    int     `json:"in"`
	Out   int     `json:"out"`
	Rank  int     `json:"rank"`
	Scale float64 `json:"scale"` // s of W + s·B·A
}

var layerNumber = regexp.MustCompile(`\d+`)

// OpenAdapter looks at a PEFT folder.
func OpenAdapter(dir string) (*Adapter, error) {
	a, err := lora.Open(dir)
	if err != nil {
		return nil, err
	}
	files, err := weights.Describe(dir)
	if err != nil {
		return nil, err
	}
	c := a.Config
	d := &Adapter{
		Path: dir, Type: "LoRA", Base: c.BaseModel, Task: c.TaskType, Rank: c.R, Alpha: c.Alpha, RankPattern: c.RankPattern,
		AlphaPattern: c.AlphaPattern, Targets: c.TargetModules, Layers: c.LayersToAdapt, Bias: c.Bias, ModulesToSave: c.ModulesToSave,
		PEFTVersion: c.PEFTVersion, Replaced: a.Replaced(), Parameters: files.Parameters, Bytes: files.Bytes, DTypes: files.DTypes,
		SHA256: a.SHA256, Notes: a.Notes(),
	}
	switch {
	case c.DoRA && c.RSLoRA:
		d.Type = "DoRA with rsLoRA's scale"
	case c.DoRA:
		d.Type = "DoRA"
	case c.RSLoRA:
		d.Type = "rsLoRA"
	}
	for _, name := range a.Modules() {
		m, _ := a.Module(name)
		kind := ModuleKind{layerNumber.ReplaceAllString(name, "N"), 1, m.In, m.Out, m.Rank, c.Scale(name)}
		at := slices.IndexFunc(d.Modules, func(k ModuleKind) bool { k.Count = 1; return k == kind })
		if at >= 0 {
			d.Modules[at].Count++
			continue
		}
		d.Modules = append(d.Modules, kind)
	}
	return d, nil
}

// Write shows the description to people.
func (d *Adapter) Write(w io.Writer) error {
	var t table
	t.line("adapter", d.Path)
	t.line("type", d.Type)
	t.line("base", d.Base)
	t.line("task", d.Task)
	t.line("rank", fmt.Sprint(d.Rank))
	t.line("alpha", fmt.Sprint(d.Alpha))
	if len(d.RankPattern) > 0 {
		t.line("rank_pattern", text(d.RankPattern))
	}
	if len(d.AlphaPattern) > 0 {
		t.line("alpha_pattern", text(d.AlphaPattern))
	}
	t.line("target_modules", d.Targets.String())
	if len(d.Layers) > 0 {
		t.line("layers_to_transform", text(d.Layers))
	}
	t.line("bias", d.Bias)
	t.line("modules_to_save", strings.Join(d.ModulesToSave, ", "))
	t.line("peft_version", d.PEFTVersion)
	for _, m := range d.Modules {
		t.line("  "+m.Name, fmt.Sprintf("%d × [%d, %d], rank %d, scale %.4g", m.Count, m.Out, m.In, m.Rank, m.Scale))
	}
	if len(d.Replaced) > 0 {
		t.line("replaces", strings.Join(d.Replaced, ", "))
	}
	t.line("parameters", thousands(d.Parameters))
	for _, share := range d.DTypes {
		t.line("  "+share.Name, fmt.Sprintf("%s in %d tensors, %s", thousands(share.Parameters), share.Tensors, size(share.Bytes)))
	}
	t.line("sha256 of the weights", d.SHA256)
	for _, note := range d.Notes {
		t.line("note", note)
	}
	return t.write(w)
}

// WriteDiff shows how two adapters differ.
func WriteDiff(w io.Writer, d *lora.Diff) error {
	var t table
	for _, s := range d.Settings {
		t.line(s.Key, fmt.Sprintf("%s → %s", orNone(s.A), orNone(s.B)))
	}
	for _, list := range [][]lora.ModuleDiff{d.Modules, d.Replaced} {
		for _, m := range list {
			t.line(m.Name, moduleDiff(m))
		}
	}
	t.line("all together", fmt.Sprintf("relative difference %.4f, cosine %.4f", d.Relative, d.Cosine))
	return t.write(w)
}

func moduleDiff(m lora.ModuleDiff) string {
	switch {
	case m.Misfit != "":
		return "other shapes: " + m.Misfit
	case m.Only == "a":
		return fmt.Sprintf("%v, only in the first (norm %.4g)", m.Shape, m.NormA)
	case m.Only == "b":
		return fmt.Sprintf("%v, only in the second (norm %.4g)", m.Shape, m.NormB)
	}
	ranks := ""
	if m.RankA > 0 {
		ranks = fmt.Sprintf(", rank %d", m.RankA)
		if m.RankA != m.RankB {
			ranks += fmt.Sprintf(" → %d", m.RankB)
		}
	}
	return fmt.Sprintf("%v%s, norm %.4g → %.4g, relative difference %.4f, cosine %.4f", m.Shape, ranks, m.NormA, m.NormB, m.Relative, m.Cosine)
}
