// Package heads is what `janus train head` does: labelled findings are divided into training and dev rows, the model's
// pooled states of them are harvested once (package states), heads of every shape, pooling, layer, length and seed that is
// asked for are trained together on those (package head), calibrated, given a threshold on the dev rows, and written as head
// folders with a table of their figures.
package heads
