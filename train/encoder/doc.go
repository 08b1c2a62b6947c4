// Package encoder fine-tunes encoders (BERT, RoBERTa and CodeBERT, the encoder of T5 and CodeT5, ModernBERT) to tell real
// findings from false alarms: all of their weights, or a LoRA adapter beside them, together with a classifier head on the
// pooled last states.
//
// The loss of an update over n rows is
//
//	Σ cᵢ·ℓ(zᵢ, yᵢ) / n,   ℓ(z, y) = −y′·ln σ(z) − (1−y′)·ln σ(−z),   y′ = y·(1−s) + s/2
//
// with the head's logit z, the class weight c of the row's label and label smoothing s. What an encoder reads of a finding is
// what a review gives it.
//
// A run ends with folders that a review takes: "model", a Hugging Face folder with the checkpoint's own names, or "adapter", a
// PEFT folder; and "head", calibrated, with a threshold chosen on the dev rows.
package encoder
