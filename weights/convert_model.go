package weights

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gomlx/compute/dtypes"
)

// ggufArchitectures are the values of general.architecture that can be
// converted. A family is added by a file that describes it and a line here.
var ggufArchitectures = map[string]*ggufArchitecture{
	"llama": llamaGGUF,
	"qwen2": qwen2GGUF,
	"qwen3": qwen3GGUF,
}

// ggufArchitecture describes a family of models.
type ggufArchitecture struct {
	modelType string // model_type of config.json
	class     string // architectures of config.json
	tensors   []ggufRule
	ignored   []string // tensors that config tells of and that are not written
	// configure adds what is special to the family to config.json.
	configure func(m *ggufModel, config map[string]any) error
}

// ggufRule says how one tensor, or one tensor of every layer where the names
// have a %d, is called on both sides.
type ggufRule struct {
	gguf, hf string
	shape    []dimension
	optional bool
	// halves is set for q and k of files whose rows llama.cpp reordered for its
	// own RoPE; it names the dimension that counts the rows, qRows or kvRows.
	halves dimension
}

// dimension names a size of the model.
type dimension int

const (
	fixed dimension = iota // not a dimension
	vocabSize
	hiddenSize
	ffSize
	headSize
	qRows
	kvRows
)

// ggufModel is a GGUF file with the sizes that its metadata gives.
type ggufModel struct {
	file    *GGUF
	arch    *ggufArchitecture
	prefix  string // general.architecture, which the keys begin with
	vocab   int
	hidden  int
	ff      int
	layers  int
	heads   int
	kvHeads int
	headDim int
	context int
}

// readGGUFModel reads the sizes. They need no check of their own: every
// tensor's shape is compared with them.
func readGGUFModel(g *GGUF) (*ggufModel, error) {
	if parts, found, err := g.integer("split.count"); err != nil || found && parts > 1 {
		return nil, cmp.Or(err, error(&FormatError{File: g.path, Tensor: "split.count",
			Problem: "one part of a split model (join the parts with llama-gguf-split --merge)", Expected: "1", Found: fmt.Sprint(parts)}))
	}
	name, found, err := g.text("general.architecture")
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, g.missing("general.architecture", "the model's architecture")
	}
	m := &ggufModel{file: g, arch: ggufArchitectures[name], prefix: name}
	if m.arch == nil {
		return nil, &FormatError{File: g.path, Tensor: "general.architecture", Problem: "unknown architecture",
			Expected: "one of " + strings.Join(slices.Sorted(maps.Keys(ggufArchitectures)), ", "), Found: fmt.Sprintf("%q", name)}
	}
	for _, f := range []struct {
		key  string
		into *int
	}{
		{"embedding_length", &m.hidden}, {"feed_forward_length", &m.ff}, {"block_count", &m.layers},
		{"attention.head_count", &m.heads}, {"context_length", &m.context},
	} {
		if *f.into, err = m.positive(f.key, 0); err != nil {
			return nil, err
		}
	}
	if m.kvHeads, err = m.positive("attention.head_count_kv", m.heads); err != nil {
		return nil, err
	}
	if m.headDim, err = m.positive("attention.key_length", max(1, m.hidden/m.heads)); err != nil {
		return nil, err
	}
	if m.heads%m.kvHeads != 0 {
		return nil, m.file.wrong(m.key("attention.head_count_kv"), fmt.Sprintf("a divisor of the %d heads", m.heads))
	}
	if experts, _, err := g.integer(m.key("expert_count")); err != nil || experts > 0 {
		return nil, cmp.Or(err, g.wrong(m.key("expert_count"), "0, mixtures of experts cannot be converted"))
	}
	if embed, ok := g.Tensor("token_embd.weight"); ok && len(embed.Shape) == 2 {
		m.vocab = embed.Shape[0]
	}
	return m, nil
}

func (m *ggufModel) key(name string) string { return m.prefix + "." + name }

// positive returns a size ≥ 1. An absent key gives otherwise, or an error where that is 0.
func (m *ggufModel) positive(name string, otherwise int) (int, error) {
	n, found, err := m.file.integer(m.key(name))
	switch {
	case err != nil:
		return 0, err
	case !found && otherwise == 0:
		return 0, m.file.missing(m.key(name), "a whole number ≥ 1")
	case !found:
		return otherwise, nil
	case n == 0:
		return 0, m.file.wrong(m.key(name), "a whole number ≥ 1")
	}
	return n, nil
}

// float returns a metadata number as it shall stand in config.json; otherwise
// is taken for an absent key, "" makes that an error.
func (m *ggufModel) float(name, otherwise string) (json.Number, error) {
	f, found, err := m.file.float(m.key(name))
	switch {
	case err != nil:
		return "", err
	case !found && otherwise == "":
		return "", m.file.missing(m.key(name), "a floating-point number")
	case !found:
		return json.Number(otherwise), nil
	}
	return jsonFloat(f), nil
}

// jsonFloat spells a number shortly: metadata are float32, and 1e-05 shall not
// become 9.999999747378752e-06. Python reads it as a float, not an int.
func jsonFloat(f float64) json.Number {
	width := 64
	if float64(float32(f)) == f {
		width = 32
	}
	s := strconv.FormatFloat(f, 'g', -1, width)
	if f == float64(int64(f)) && f < 1e15 {
		s = strconv.FormatFloat(f, 'f', 1, 64)
	}
	return json.Number(s)
}

func (m *ggufModel) size(d dimension) int {
	switch d {
	case vocabSize:
		return m.vocab
	case hiddenSize:
		return m.hidden
	case ffSize:
		return m.ff
	case headSize:
		return m.headDim
	case qRows:
		return m.heads * m.headDim
	case kvRows:
		return m.kvHeads * m.headDim
	}
	return 0
}

func (m *ggufModel) has(name string) bool {
	_, ok := m.file.Tensor(name)
	return ok
}

// sources compares the file's tensors with the architecture's table and
// returns them as they shall be written, or an error that names every tensor
// that is missing, not known, of another shape, or of a type that has no decoder.
func (m *ggufModel) sources(dtype dtypes.DType) ([]Source, error) {
	var sources []Source
	var problems []string
	known := map[string]bool{}
	for _, name := range m.arch.ignored {
		known[name] = true
	}
	for _, rule := range m.arch.tensors {
		layers := 1
		if strings.Contains(rule.gguf, "%d") {
			layers = m.layers
		}
		for layer := range layers {
			name, hf := rule.names(layer)
			known[name] = true
			shape := make([]int, len(rule.shape))
			for i, d := range rule.shape {
				shape[i] = m.size(d)
			}
			t, ok := m.file.Tensor(name)
			switch {
			case !ok && rule.optional:
			case !ok:
				problems = append(problems, fmt.Sprintf("missing  %s: expected shape %v, found nothing", name, shape))
				if len(problems) > maxProblems { // block_count may lie in the thousands of millions
					return nil, listProblems(m.file.path, problems)
				}
			case !slices.Equal(t.Shape, shape):
				problems = append(problems, fmt.Sprintf("shape    %s: expected %v, found %v", name, shape, t.Shape))
			case t.kind.decode == nil:
				problems = append(problems, fmt.Sprintf("dtype    %s: expected one of %s, found %s", name, decodableTypes(), t.Type))
			default:
				sources = append(sources, m.source(t, hf, dtype, rule.halves))
			}
		}
	}
	for _, t := range m.file.tensors {
		if !known[t.Name] {
			problems = append(problems, fmt.Sprintf("extra    %s: expected no such tensor in architecture %q, found %s %v", t.Name, m.prefix, t.Type, t.Shape))
		}
	}
	return sources, listProblems(m.file.path, problems)
}

// names fills in the layer.
func (r ggufRule) names(layer int) (gguf, hf string) {
	number := strconv.Itoa(layer)
	return strings.Replace(r.gguf, "%d", number, 1), strings.Replace(r.hf, "%d", number, 1)
}

// chunk is about how many bytes are converted at a time.
const chunk = 1 << 18

// source converts a tensor row by row.
func (m *ggufModel) source(t GGUFTensor, hf string, dtype dtypes.DType, halves dimension) Source {
	if dtype == dtypes.InvalidDType {
		if dtype = t.kind.dtype; dtype == dtypes.InvalidDType {
			dtype = dtypes.Float32
		}
	}
	rows, columns := 1, t.Shape[len(t.Shape)-1]
	switch {
	case len(t.Shape) == 2:
		rows = t.Shape[0]
	case halves != fixed: // a bias, whose elements are reordered as the rows are
		rows, columns = columns, 1
	}
	from := func(row int) int { return row }
	if halves != fixed {
		from = func(row int) int { return neighbourRow(row, m.headDim) }
	}
	return Source{Name: hf, DType: dtype, Shape: t.Shape, Write: func(w io.Writer) error {
		values, out := make([]float32, columns), make([]byte, 0, chunk+4*columns)
		raw, size := m.file.bytes(t), t.kind.rowBytes(columns)
		for row := range rows {
			block := raw[from(row)*size:][:size]
			if dtype == t.kind.dtype {
				out = append(out, block...)
			} else {
				t.kind.decode(values, block)
				var err error
				if out, err = appendFloats(out, values, dtype); err != nil {
					return err
				}
			}
			if len(out) >= chunk || row == rows-1 {
				if _, err := w.Write(out); err != nil {
					return err
				}
				out = out[:0]
			}
		}
		return nil
	}}
}

// neighbourRow returns where a row of a q or k projection stands in a file
// whose rows llama.cpp reordered. Hugging Face rotates element i of a head with
// element i + head/2, llama.cpp (for this family) element 2i with 2i + 1; its
// converter moves the rows accordingly (LlamaModel.permute in convert_hf_to_gguf.py):
// row half·head/2 + i of a head goes to row 2i + half.
func neighbourRow(row, head int) int {
	in := row % head
	return row - in + 2*(in%(head/2)) + in/(head/2)
}

// config returns what config.json has in common for all families, in the
// spelling that transformers 4 and 5 both read, and what the family adds.
func (m *ggufModel) config(dtype dtypes.DType) (map[string]any, error) {
	eps, err := m.float("attention.layer_norm_rms_epsilon", "")
	if err != nil {
		return nil, err
	}
	theta, err := m.float("rope.freq_base", "10000.0") // llama.cpp's default
	if err != nil {
		return nil, err
	}
	scaling, err := m.ropeScaling()
	if err != nil {
		return nil, err
	}
	if rotated, err := m.positive("rope.dimension_count", m.headDim); err != nil || rotated != m.headDim || m.headDim%2 != 0 {
		return nil, cmp.Or(err, m.file.wrong(m.key("rope.dimension_count"), fmt.Sprintf("%d, the even head size", m.headDim)))
	}
	if values, err := m.positive("attention.value_length", m.headDim); err != nil || values != m.headDim {
		return nil, cmp.Or(err, m.file.wrong(m.key("attention.value_length"), fmt.Sprintf("%d, as attention.key_length", m.headDim)))
	}
	config := map[string]any{
		"architectures":           []string{m.arch.class},
		"attention_dropout":       json.Number("0.0"),
		"head_dim":                m.headDim,
		"hidden_act":              "silu",
		"hidden_size":             m.hidden,
		"initializer_range":       json.Number("0.02"),
		"intermediate_size":       m.ff,
		"max_position_embeddings": m.context,
		"model_type":              m.arch.modelType,
		"num_attention_heads":     m.heads,
		"num_hidden_layers":       m.layers,
		"num_key_value_heads":     m.kvHeads,
		"rms_norm_eps":            eps,
		"rope_scaling":            scaling,
		"rope_theta":              theta,
		"tie_word_embeddings":     !m.has("output.weight"),
		"torch_dtype":             map[dtypes.DType]string{dtypes.Float32: "float32", dtypes.Float16: "float16", dtypes.BFloat16: "bfloat16"}[dtype],
		"use_cache":               true,
		"vocab_size":              m.vocab,
	}
	return config, m.arch.configure(m, config)
}
