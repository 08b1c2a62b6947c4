package weights

// qwen2GGUF is Qwen 1.5 to 2.5: biases on q, k and v, rows in Hugging Face's order.
var qwen2GGUF = &ggufArchitecture{
	modelType: "qwen2",
	class:     "Qwen2ForCausalLM",
	tensors:   append(decoderRules(fixed, fixed), qwen2Biases()...),
	configure: func(_ *ggufModel, config map[string]any) error {
		config["use_sliding_window"] = false // no published model uses it, the file has no key for it
		return nil
	},
}

func qwen2Biases() []ggufRule {
	biases := attentionBiases(fixed, fixed)[:3] // the output projection has none
	for i := range biases {
		biases[i].optional = false
	}
	return biases
}
