// Package head trains classifier heads on pooled states that were computed before: any number of heads at once, of any
// shapes, on any of the states, in one program and without the base model.
//
// Heads are joined into few blocks, whatever their widths and inputs: the first layers of all that read an input are one matrix
// and one product with the batch, so that thirty heads cost little more calls, and little more compiling, than one. What a head
// becomes does not depend on which others train with it, but for the rounding of float32: its weights and its dropout follow
// from its own seed, its batches from the run's, and its early stopping from its own loss.
//
// The loss of a head with logits z on a batch of n rows is
//
//	Σ cᵢ·ℓ(zᵢ, yᵢ) / n,   y′ = y·(1−s) + s/2
//
// with the class weight c of the row's label, as torch's pos_weight, and label smoothing s (Szegedy et al., CVPR 2016).
// ℓ is the binary cross-entropy −y′·ln σ(z) − (1−y′)·ln σ(−z), or Brier's (σ(z)−y′)².
//
// The optimiser is AdamW (Loshchilov and Hutter, ICLR 2019), as torch.optim.AdamW computes it; without weight decay it is
// Adam. Weights begin as torch.nn.Linear's do, uniform within ±1/√in.
package head
