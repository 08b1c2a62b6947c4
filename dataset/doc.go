// Package dataset keeps training data: the SQLite store of the study's training_data and of findings beside it, import and
// export, grouped splits, and the search for duplicates. What makes data is in dataset/generate.
package dataset
