// Package train tunes models: low-rank adapters on given answers (LoRA, arXiv:2106.09685), as PyTorch and PEFT do it, in programs
// that GoMLX compiles for the same backends that Janus runs on.
//
// A [Trainer] holds an adapter and its optimiser's state on the device beside the frozen base. [Trainer.Step] is one update:
// the gradients of one or more batches, clipped, and AdamW. The loss is the mean, over all answer tokens of the update, of
// the negative log-probability of the token; logits are computed nowhere else.
//
// The same base, adapter, examples, options, plugin and machine give the same bytes, also when a run was saved and restored
// between any two updates.
package train
