// Package full trains all weights of a model: one that is new ([Init]), or one that is there ([Read]).
//
// A [Network] is a model's configuration and its tensors, by the names that Hugging Face gives them; [Weights] is what an
// architecture's file reads of them in a graph. A [Trainer] makes updates of a decoder by AdamW on examples of package train;
// biases and norms have no weight decay. What a run leaves is a Hugging Face folder: [Network.SaveNew], [Network.SaveAs].
package full
