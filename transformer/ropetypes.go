package transformer

import (
	"fmt"
	"math"
)

// ropeTypes maps rope_type to its inverse frequencies, as modeling_rope_utils.py of transformers computes them. The
// result has dim/2 entries, in radians a position.
var ropeTypes = map[string]func(p RopeParameters, dim int) ([]float64, error){
	"default":  ropeDefault,
	"linear":   ropeLinear,
	"dynamic":  ropeDynamic,
	"yarn":     ropeYarn,
	"longrope": ropeLong,
	"llama3":   ropeLlama3,
}

// ropeDefault is theta^(-2i/dim): RoFormer, arXiv:2104.09864, section 3.2.2.
func ropeDefault(p RopeParameters, dim int) ([]float64, error) {
	freqs := make([]float64, dim/2)
	for i := range freqs {
		freqs[i] = math.Pow(p.RopeTheta, -float64(2*i)/float64(dim))
	}
	return freqs, nil
}

// ropeLinear divides every frequency by factor: position interpolation, arXiv:2306.15595.
func ropeLinear(p RopeParameters, dim int) ([]float64, error) {
	if p.Factor <= 0 {
		return nil, fmt.Errorf("rope_type \"linear\" needs a positive \"factor\", found %g", p.Factor)
	}
	freqs, err := ropeDefault(p, dim)
	for i := range freqs {
		freqs[i] /= p.Factor
	}
	return freqs, err
}

// ropeDynamic raises theta with the length: "NTK-aware" scaling, _compute_dynamic_ntk_parameters. The length is
// p.ContextLength, see [Config.SetContextLength]; up to max_position_embeddings nothing changes.
func ropeDynamic(p RopeParameters, dim int) ([]float64, error) {
	if p.Factor < 1 || dim <= 2 || p.MaxPositionEmbeddings <= 0 {
		return nil, fmt.Errorf("rope_type \"dynamic\" needs \"factor\" of 1 or more, max_position_embeddings > 0 and over 2 "+
			"rotated elements a head, found factor %g, max_position_embeddings %d, %d elements",
			p.Factor, p.MaxPositionEmbeddings, dim)
	}
	longest := float64(max(p.ContextLength, p.MaxPositionEmbeddings)) / float64(p.MaxPositionEmbeddings)
	p.RopeTheta *= math.Pow(p.Factor*longest-(p.Factor-1), float64(dim)/float64(dim-2))
	return ropeDefault(p, dim)
}

// ropeLlama3 keeps high frequencies, divides low ones by factor and blends those between: _compute_llama3_parameters.
func ropeLlama3(p RopeParameters, dim int) ([]float64, error) {
	original := float64(p.OriginalMaxPositionEmbeddings)
	if p.Factor <= 0 || p.LowFreqFactor <= 0 || p.HighFreqFactor <= p.LowFreqFactor || original <= 0 {
		return nil, fmt.Errorf("rope_type \"llama3\" needs factor, original_max_position_embeddings > 0 and "+
			"high_freq_factor > low_freq_factor > 0, found factor %g, original_max_position_embeddings %g, "+
			"low_freq_factor %g, high_freq_factor %g", p.Factor, original, p.LowFreqFactor, p.HighFreqFactor)
	}
	freqs, err := ropeDefault(p, dim)
	for i, freq := range freqs {
		wavelength := 2 * math.Pi / freq
		switch {
		case wavelength > original/p.LowFreqFactor:
			freqs[i] = freq / p.Factor
		case wavelength >= original/p.HighFreqFactor:
			smooth := (original/wavelength - p.LowFreqFactor) / (p.HighFreqFactor - p.LowFreqFactor)
			freqs[i] = (1-smooth)*freq/p.Factor + smooth*freq
		}
	}
	return freqs, err
}

// ropeYarn divides by factor the frequencies that turn less than beta_slow times over the original length, keeps those
// that turn more than beta_fast times, and blends those between: arXiv:2309.00071, _compute_yarn_parameters.
func ropeYarn(p RopeParameters, dim int) ([]float64, error) {
	original, factor := float64(p.OriginalMaxPositionEmbeddings), p.factor()
	if factor <= 0 || original <= 0 || p.RopeTheta <= 1 {
		return nil, fmt.Errorf("rope_type \"yarn\" needs factor, original_max_position_embeddings > 0 and rope_theta > 1, "+
			"found factor %g, original_max_position_embeddings %g, rope_theta %g", factor, original, p.RopeTheta)
	}
	// The index of the pair that turns that often over the original length.
	at := func(turns float64) float64 {
		return float64(dim) * math.Log(original/(turns*2*math.Pi)) / (2 * math.Log(p.RopeTheta))
	}
	low, high := at(orElse(p.BetaFast, 32)), at(orElse(p.BetaSlow, 1))
	if p.Truncate == nil || *p.Truncate {
		low, high = math.Floor(low), math.Ceil(high)
	}
	low, high = max(low, 0), min(high, float64(dim-1))
	if low == high {
		high += 0.001 // as transformers does, to keep from dividing by 0
	}
	freqs, err := ropeDefault(p, dim)
	for i, freq := range freqs {
		ramp := min(max((float64(i)-low)/(high-low), 0), 1)
		freqs[i] = freq/factor*ramp + freq*(1-ramp)
	}
	return freqs, err
}

// ropeLong divides each frequency by its own factor, from one list up to the original length and from another beyond:
// LongRoPE, arXiv:2402.13753, _compute_longrope_parameters. Which list it is depends on p.ContextLength, see
// [Config.SetContextLength].
func ropeLong(p RopeParameters, dim int) ([]float64, error) {
	if p.OriginalMaxPositionEmbeddings <= 0 {
		return nil, fmt.Errorf("rope_type \"longrope\" needs original_max_position_embeddings > 0, found %d",
			p.OriginalMaxPositionEmbeddings)
	}
	name, list := "short_factor", p.ShortFactor
	if p.ContextLength > p.OriginalMaxPositionEmbeddings {
		name, list = "long_factor", p.LongFactor
	}
	if len(list) != dim/2 {
		return nil, fmt.Errorf("rope_type \"longrope\": expected %d numbers in %q (half the rotated elements of a head), found %d",
			dim/2, name, len(list))
	}
	freqs, err := ropeDefault(p, dim)
	for i := range freqs {
		if list[i] <= 0 {
			return nil, fmt.Errorf("rope_type \"longrope\": expected positive numbers in %q, found %g", name, list[i])
		}
		freqs[i] /= list[i]
	}
	return freqs, err
}

// factor is the "factor", or how many times the original length the model was extended to.
func (p RopeParameters) factor() float64 {
	if p.Factor == 0 && p.OriginalMaxPositionEmbeddings > 0 {
		return float64(p.MaxPositionEmbeddings) / float64(p.OriginalMaxPositionEmbeddings)
	}
	return p.Factor
}

// AttentionScaling multiplies cosines and sines, and so queries and keys alike: 1 but for yarn and longrope, which make
// up for the softmax over more keys.
func (p RopeParameters) AttentionScaling() float64 {
	factor := p.factor()
	switch {
	case p.RopeType != "yarn" && p.RopeType != "longrope":
		return 1
	case p.AttentionFactor != 0:
		return p.AttentionFactor
	case factor <= 1:
		return 1
	case p.RopeType == "longrope":
		return math.Sqrt(1 + math.Log(factor)/math.Log(float64(p.OriginalMaxPositionEmbeddings)))
	case p.MScale != 0 && p.MScaleAllDim != 0:
		return (0.1*p.MScale*math.Log(factor) + 1) / (0.1*p.MScaleAllDim*math.Log(factor) + 1)
	}
	return 0.1*math.Log(factor) + 1
}

// orElse is x, or y where x was not given.
func orElse(x, y float64) float64 {
	if x == 0 {
		return y
	}
	return x
}
