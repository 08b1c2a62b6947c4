// Package base trains decoders on plain text: a small one from scratch, of any family that package transformer knows, with a
// vocabulary learned of that text; or one that is there, further.
//
// Texts are put one behind another in an order of the seed, with the token that ends a text after each, and cut into sequences of
// one length; the loss is that of every token given those before it in its sequence. The last sequences of that order are the dev
// side. Attention reaches across the ends of texts, as in GPT-2 and its kin.
//
// A run ends with "model", a Hugging Face folder: config.json, model.safetensors, the tokenizer's files and generation_config.json.
package base
