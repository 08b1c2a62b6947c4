// Package bench is what `janus bench` does: variants of a judge on labelled findings, each finding judged by what has not
// learned from it.
//
// Rows are divided into folds (or into training and test rows) so that groups, files, pairs and near duplicates stay together.
// Variants that learn do so on each fold's training rows. What variants share is computed once: all that judge by the same
// analyses, the model's own answer and every head of every fold, take them from one pass (package train/states).
//
// Each verdict goes into a journal as soon as it is there, and whatever was trained into the run folder, so that a benchmark
// that was killed goes on without repeating or losing a case. What comes of it is the record of package eval/results, and
// tables.
package bench
