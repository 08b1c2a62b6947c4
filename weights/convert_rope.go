package weights

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// ropeScaling returns the rope_scaling of config.json, nil for none.
//
// llama.cpp stores Llama 3's scaling not as parameters but as a tensor of
// factors, one a frequency, from which the parameters are recovered.
func (m *ggufModel) ropeScaling() (any, error) {
	key := m.key("rope.scaling.type")
	kind, _, err := m.file.text(key)
	if err != nil {
		return nil, err
	}
	if t, ok := m.file.Tensor("rope_freqs.weight"); ok {
		if kind != "" && kind != "none" && kind != "llama3" {
			return nil, m.file.wrong(key, "none or llama3 beside the tensor rope_freqs.weight")
		}
		return m.llama3Scaling(t)
	}
	switch kind {
	case "", "none":
		factor, found, err := m.file.float(m.key("rope.scale_linear")) // the spelling of old files
		if err != nil || !found || factor == 1 {
			return nil, err
		}
		return map[string]any{"rope_type": "linear", "factor": jsonFloat(factor)}, nil
	case "linear", "yarn":
		factor, err := m.float("rope.scaling.factor", "")
		if err != nil {
			return nil, err
		}
		scaling := map[string]any{"rope_type": kind, "factor": factor}
		if n, found, err := m.file.integer(m.key("rope.scaling.original_context_length")); err != nil {
			return nil, err
		} else if found {
			scaling["original_max_position_embeddings"] = n
		}
		return scaling, nil
	}
	return nil, m.file.wrong(key, "none, linear or yarn; others cannot be converted")
}

// llama3Scaling finds the parameters whose factors the tensor holds. All
// published models use low 1 and high 4; the original context is a power of two.
func (m *ggufModel) llama3Scaling(t GGUFTensor) (any, error) {
	bad := func(problem, expected, found string) error {
		return &FormatError{File: m.file.path, Tensor: t.Name, Problem: problem, Expected: expected, Found: found}
	}
	if t.Type != "F32" || !slices.Equal(t.Shape, []int{m.headDim / 2}) {
		return nil, bad("rotary factors", fmt.Sprintf("F32 [%d]", m.headDim/2), fmt.Sprintf("%s %v", t.Type, t.Shape))
	}
	theta, found, err := m.file.float(m.key("rope.freq_base"))
	if err != nil {
		return nil, err
	}
	if !found {
		theta = 10000
	}
	factors := make([]float64, m.headDim/2)
	for i, raw := 0, m.file.bytes(t); i < len(factors); i++ {
		factors[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:])))
	}
	factor := slices.Max(factors)
	if factor == 1 && slices.Min(factors) == 1 {
		return nil, nil
	}
	const low, high = 1.0, 4.0
	for context := 32; context <= 1<<21; context *= 2 {
		if slices.EqualFunc(factors, llama3Factors(m.headDim, theta, factor, low, high, float64(context)), func(a, b float64) bool {
			return math.Abs(a-b) <= 1e-4*b
		}) {
			return map[string]any{
				"rope_type": "llama3", "factor": jsonFloat(factor), "low_freq_factor": jsonFloat(low), "high_freq_factor": jsonFloat(high),
				"original_max_position_embeddings": context,
			}, nil
		}
	}
	return nil, bad("rotary factors cannot be expressed in config.json",
		"those of Llama 3's formula with low_freq_factor 1, high_freq_factor 4 and a power of two as original context",
		fmt.Sprintf("factors from %v to %v", slices.Min(factors), factor))
}

// llama3Factors is by how much Llama 3.1's scaling divides each frequency
// (_compute_llama3_parameters of transformers, generate_extra_tensors of
// convert_hf_to_gguf.py): wavelengths beyond context/low by factor, those within
// context/high by 1, and in between by a mixture.
func llama3Factors(head int, theta, factor, low, high, context float64) []float64 {
	out := make([]float64, head/2)
	for i := range out {
		wavelength := 2 * math.Pi * math.Pow(theta, float64(2*i)/float64(head))
		switch {
		case wavelength < context/high:
			out[i] = 1
		case wavelength > context/low:
			out[i] = factor
		default:
			smooth := (context/wavelength - low) / (high - low)
			out[i] = 1 / ((1-smooth)/factor + smooth)
		}
	}
	return out
}
