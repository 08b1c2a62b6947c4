// Package transformer builds language models as pure graph functions.
//
// One file holds one architecture family, named as Hugging Face names it (llama.go is model_type "llama"). A family
// says which tensors it has, by their Hugging Face keys, and how a layer is put together from the shared blocks:
// attention.go, rope.go, norm.go, mlp.go, cache.go. It never mentions LoRA, quantisation or devices: every product with
// a weight matrix goes through [Weights.Linear], which package model fills with plain, adapted or merged products.
//
// A layer is a function of (state, cache) to (state, cache); prefill, the decode step and training call the same one.
//
// Symbols in the doc comments: B rows of a batch, S positions of a row, C positions in a cache, D hidden_size,
// H num_attention_heads, KV num_key_value_heads, G = H/KV, hd head_dim, V vocab_size.
//
// Functions that build graphs panic on a wrong shape, as GoMLX's own do; package model turns that into an error.
// They must work inside the closure of a While loop, hence constants are made with [graph.ConstAs] and never with the
// helpers that cache a scalar for the whole graph.
package transformer
