// Package lora reads, writes, merges and applies LoRA adapters in the format of the PEFT library.
//
// A low-rank adapter (LoRA, arXiv:2106.09685) leaves the base weight W [out,in] of a projection alone and adds a
// product of two thin matrices to it:
//
//	W' = W + s·B·A        A [r,in], B [out,r], s = alpha/r
//
// rsLoRA (arXiv:2312.03732) takes s = alpha/√r instead, so that large ranks keep learning. DoRA (arXiv:2402.09353)
// splits off the length of each output row and learns it apart:
//
//	W' = m ⊙ (W + s·B·A) / ‖W + s·B·A‖        m [out], the norm is L2 over the input dimension, one per output row
//
// Files are those of PEFT (peft/tuners/lora and peft/utils/save_and_load.py): adapter_config.json and
// adapter_model.safetensors, whose names are the base model's Hugging Face names behind "base_model.model.".
//
// There are two ways to use an [Adapter]:
//
//   - merged: [Adapter.MergeInto] changes the base's tensors once, while they are loaded. Nothing is slower afterwards.
//   - live: a [Bank] holds several adapters beside the base and each row of a batch names the one it wants, or none.
//     See [Delta] for how one pair of dense products serves any mixture.
//
// A module is named as in the base, without a suffix (model.layers.0.self_attn.q_proj). A tensor has its full
// Hugging Face name (model.layers.0.self_attn.q_proj.weight).
package lora
