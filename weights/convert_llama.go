package weights

// llamaGGUF is LLaMA 1 to 3, CodeLlama, SmolLM 1 and 2, TinyLlama and Mistral,
// all of which llama.cpp calls llama. A Mistral whose attention has a window says
// so by a metadata key, any other is a llama in all but name.
var llamaGGUF = &ggufArchitecture{
	modelType: "llama",
	class:     "LlamaForCausalLM",
	ignored:   []string{"rope_freqs.weight"},
	tensors:   append(decoderRules(qRows, kvRows), attentionBiases(qRows, kvRows)...),
	configure: func(m *ggufModel, config map[string]any) error {
		config["attention_bias"] = m.has("blk.0.attn_q.bias")
		config["mlp_bias"] = false
		config["pretraining_tp"] = 1
		window, found, err := m.file.integer(m.key("attention.sliding_window"))
		if found && window > 0 {
			config["model_type"], config["architectures"] = "mistral", []string{"MistralForCausalLM"}
			config["sliding_window"] = window
		}
		return err
	},
}

// decoderRules are the tensors of a decoder with grouped-query attention, RMS
// norms and a gated MLP. q and k are the dimensions of rows that llama.cpp
// reordered, or fixed where it did not.
func decoderRules(q, k dimension) []ggufRule {
	const gguf, hf = "blk.%d.", "model.layers.%d."
	norm := []dimension{hiddenSize}
	return []ggufRule{
		{gguf: "token_embd.weight", hf: "model.embed_tokens.weight", shape: []dimension{vocabSize, hiddenSize}},
		{gguf: gguf + "attn_norm.weight", hf: hf + "input_layernorm.weight", shape: norm},
		{gguf: gguf + "attn_q.weight", hf: hf + "self_attn.q_proj.weight", shape: []dimension{qRows, hiddenSize}, halves: q},
		{gguf: gguf + "attn_k.weight", hf: hf + "self_attn.k_proj.weight", shape: []dimension{kvRows, hiddenSize}, halves: k},
		{gguf: gguf + "attn_v.weight", hf: hf + "self_attn.v_proj.weight", shape: []dimension{kvRows, hiddenSize}},
		{gguf: gguf + "attn_output.weight", hf: hf + "self_attn.o_proj.weight", shape: []dimension{hiddenSize, qRows}},
		{gguf: gguf + "ffn_norm.weight", hf: hf + "post_attention_layernorm.weight", shape: norm},
		{gguf: gguf + "ffn_gate.weight", hf: hf + "mlp.gate_proj.weight", shape: []dimension{ffSize, hiddenSize}},
		{gguf: gguf + "ffn_up.weight", hf: hf + "mlp.up_proj.weight", shape: []dimension{ffSize, hiddenSize}},
		{gguf: gguf + "ffn_down.weight", hf: hf + "mlp.down_proj.weight", shape: []dimension{hiddenSize, ffSize}},
		{gguf: "output_norm.weight", hf: "model.norm.weight", shape: norm},
		{gguf: "output.weight", hf: "lm_head.weight", shape: []dimension{vocabSize, hiddenSize}, optional: true},
	}
}

// attentionBiases are the biases of the attention's projections, which some
// models of a family have and others not.
func attentionBiases(q, k dimension) []ggufRule {
	const gguf, hf = "blk.%d.", "model.layers.%d."
	return []ggufRule{
		{gguf: gguf + "attn_q.bias", hf: hf + "self_attn.q_proj.bias", shape: []dimension{qRows}, optional: true, halves: q},
		{gguf: gguf + "attn_k.bias", hf: hf + "self_attn.k_proj.bias", shape: []dimension{kvRows}, optional: true, halves: k},
		{gguf: gguf + "attn_v.bias", hf: hf + "self_attn.v_proj.bias", shape: []dimension{kvRows}, optional: true},
		{gguf: gguf + "attn_output.bias", hf: hf + "self_attn.o_proj.bias", shape: []dimension{hiddenSize}, optional: true},
	}
}
