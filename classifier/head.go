package classifier

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// Head is an MLP with its configuration, as it is kept in a folder.
type Head struct {
	Name    string // the folder's base name, or what the maker calls it
	Config  Config
	tensors map[string][]float32
}

// New makes a head from its tensors by name (see [Config.ParamNames]), row-major. They are kept, not copied. Missing,
// unknown, wrongly sized and not finite tensors are errors that name the tensor.
func New(name string, config Config, tensors map[string][]float32) (*Head, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	shapes := config.ParamShapes()
	for _, key := range slices.Sorted(maps.Keys(tensors)) {
		if _, ok := shapes[key]; !ok {
			return nil, fmt.Errorf("tensor %q does not belong to this head, expected %s", key, strings.Join(config.ParamNames(), ", "))
		}
	}
	for _, key := range config.ParamNames() {
		values, ok := tensors[key]
		if !ok {
			return nil, fmt.Errorf("tensor %q is missing, expected shape %v", key, shapes[key])
		}
		if want := product(shapes[key]); len(values) != want {
			return nil, fmt.Errorf("tensor %q has %d values, expected %d for shape %v", key, len(values), want, shapes[key])
		}
		for i, v := range values {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				return nil, fmt.Errorf("tensor %q holds %v at %d: the head is damaged or its training diverged", key, v, i)
			}
		}
	}
	return &Head{Name: name, Config: config, tensors: tensors}, nil
}

func product(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

// Params returns the head's tensors in the order of [Config.ParamNames].
func (h *Head) Params() []Param {
	shapes := h.Config.ParamShapes()
	var params []Param
	for _, name := range h.Config.ParamNames() {
		params = append(params, Param{Name: name, Shape: shapes[name], Data: h.tensors[name]})
	}
	return params
}

func headName(i int, name string) string { return fmt.Sprintf("heads.%d.%s", i, name) }

// CheckTogether refuses heads that name different adapters: all heads of a run read the same states.
func (l Heads) CheckTogether() error {
	var first *Head
	for _, h := range l {
		switch {
		case h.Config.AdapterSHA256 == "":
		case first == nil:
			first = h
		case !strings.EqualFold(h.Config.AdapterSHA256, first.Config.AdapterSHA256):
			return fmt.Errorf("heads %q and %q were trained with different adapters (SHA-256 %s and %s): they cannot judge together; run them one after the other, each with its adapter",
				first.Name, h.Name, first.Config.AdapterSHA256, h.Config.AdapterSHA256)
		}
	}
	return nil
}

// Base describes the model that a head is to be put on.
type Base struct {
	HiddenSize    int
	Layers        int    // number of layers
	SHA256        string // of the base's weights; empty: not known, and not checked
	AdapterSHA256 string // of the adapter's weights; empty: the bare base model
}

// Check reports whether the head fits a model: the same hidden size, a layer that exists, and the base and adapter whose
// SHA-256 it records. A head that records none fits any weights of its size.
func (h *Head) Check(base Base) error {
	c := &h.Config
	if c.Features == ReadsEmbeddings {
		return fmt.Errorf("head %q reads embeddings of input and analysis (Proposal 2), which no pass of the model gives: "+
			"give it to janus review, or train a head on states (janus train head --features states)", h.Name)
	}
	if c.HiddenSize != base.HiddenSize {
		return fmt.Errorf("head %q is for hidden size %d, but the model's is %d: use a head trained on this model", h.Name, c.HiddenSize, base.HiddenSize)
	}
	if int(c.Layer) >= base.Layers {
		return fmt.Errorf("head %q reads layer %s, but the model has layers 0 to %d", h.Name, c.Layer, base.Layers-1)
	}
	return h.checkWeights(base)
}

// checkWeights compares the SHA-256 of base and adapter with those that the head records.
func (h *Head) checkWeights(base Base) error {
	if want := h.Config.BaseSHA256; want != "" && base.SHA256 != "" && !strings.EqualFold(want, base.SHA256) {
		return fmt.Errorf("head %q was trained on base weights with SHA-256 %s, but these have %s", h.Name, want, base.SHA256)
	}
	want, found := h.Config.AdapterSHA256, base.AdapterSHA256
	if want == "" || strings.EqualFold(want, found) {
		return nil
	}
	if found == "" {
		found = "no adapter"
	}
	return fmt.Errorf("head %q was trained with an adapter with SHA-256 %s, found %s", h.Name, want, found)
}

// CheckEmbeddings reports whether a head of Proposal 2 fits what makes its vectors, of so many numbers each, and the model that writes the
// analyses: base's HiddenSize and Layers do not matter.
func (h *Head) CheckEmbeddings(width int, embedder string, base Base) error {
	c := &h.Config
	switch {
	case c.Features != ReadsEmbeddings:
		return fmt.Errorf("head %q reads states of the model, and others embeddings: one review judges by heads of one kind", h.Name)
	case c.Embedder != "" && !strings.EqualFold(c.Embedder, embedder):
		return fmt.Errorf("head %q was trained on embeddings by weights with SHA-256 %s, but these have %s: give the encoder that it was trained with (--embedder)",
			h.Name, c.Embedder, embedder)
	case c.HiddenSize != 2*width:
		return fmt.Errorf("head %q reads %d numbers, but two embeddings have %d: give the encoder that it was trained with (--embedder)", h.Name, c.HiddenSize, 2*width)
	}
	return h.checkWeights(base)
}
