// Package model joins a base model with its tokenizer, adapters and heads, and runs the compiled programs:
// [Model.Review] (the one graph: analysis, trajectory and verdict in one execution a batch), [Model.Generate],
// [Model.Score] and [Model.States].
//
// A batch takes two or three programs. Prefill fills the cache with the prompts, all but each row's last token; where
// rows share a prefix, the same program has run once on the prefix alone. Then one program, a While loop on the device,
// feeds the last prompt token and decodes: LM head, sampling, running pools, every head's probability after every token,
// the closing phrase and the verdict. Nothing comes back to the host between tokens. docs/maths.md says what it computes.
//
// Graph builders panic; this package recovers at its boundary and returns errors.
package model
