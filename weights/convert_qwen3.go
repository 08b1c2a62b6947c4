package weights

// qwen3GGUF is the dense Qwen 3: an RMS norm on every head of q and k, no
// biases, rows in Hugging Face's order, head size apart from hidden/heads.
var qwen3GGUF = &ggufArchitecture{
	modelType: "qwen3",
	class:     "Qwen3ForCausalLM",
	tensors: append(decoderRules(fixed, fixed),
		ggufRule{gguf: "blk.%d.attn_q_norm.weight", hf: "model.layers.%d.self_attn.q_norm.weight", shape: []dimension{headSize}},
		ggufRule{gguf: "blk.%d.attn_k_norm.weight", hf: "model.layers.%d.self_attn.k_norm.weight", shape: []dimension{headSize}},
	),
	configure: func(_ *ggufModel, config map[string]any) error {
		config["attention_bias"] = false
		config["use_sliding_window"] = false
		return nil
	},
}
