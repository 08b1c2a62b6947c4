// Package states harvests pooled hidden states: what heads are trained on. The model reviews each finding once, and the
// pooled states after chosen numbers of tokens of its own analysis go into Parquet files, so that no study of heads runs
// the model again; or the model is given analyses to read, and the states are those on its way through them. Of an encoder,
// which writes nothing, they are its states of the prompt.
//
// A folder holds parts, NAME.parquet, each written whole under a temporary name and renamed. A row is one pooled state:
// finding, feature and length. Its key is the SHA-256 of all that the state follows from: the base's and adapter's weights,
// the prompt's tokens, and the settings of generation or the tokens of the given analysis. So harvests with other settings,
// and of other data, can share a folder; one that was killed goes on where its last part ends; and a row that is there is not
// computed again.
package states
