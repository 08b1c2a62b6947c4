// Package ablate computes grids of settings: what a head's size, the length of the analysis, the prompt, fine-tuning, the amount
// of data and the base model are worth, each point judged on the same test rows.
//
// Points share most of what they follow from, and that is computed once:
//
//	base model ─► adapter (approach, rank, target modules, samples, seed)
//	                 └─► pass (prompt, temperature, least and most tokens): every finding is read and analysed once
//	                        └─► states of every length, pooling and layer, from that one pass
//	                               └─► heads of every size, activation and seed, trained together
//
// A point's hash is the SHA-256 of all that it follows from. What is there under that hash is not computed again; an
// interrupted study, or one of several workers of which some were lost, goes on with what is missing.
package ablate
