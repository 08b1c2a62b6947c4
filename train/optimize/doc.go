// Package optimize trains named float32 tensors on a device: the gradients of a loss, added up over batches, clipped, and AdamW.
// It knows no model: what is trained may be an adapter beside a frozen base ([OnModel]), or all weights of a network
// ([OnBackend]).
//
// An [Optimizer] holds the tensors and their moments. A [Loss] is a graph function of them and of a batch's inputs;
// [Optimizer.Step] is one update. The same tensors, batches, plugin and machine give the same bytes, also when the state was
// saved and restored between any two updates.
package optimize
