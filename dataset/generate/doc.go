// Package generate makes training data by rule: linked pairs of HTTP exchanges of which one is vulnerable and the other is
// not ([Offline]), and of infrastructure-as-code findings of which one is real ([IaC]). The truth is known because the
// generator itself put the flaw in, or kept it out; nothing is asked of a model and nothing of a network.
//
// A pair starts from a hand-written exchange ([Template]). A grammar seeded by the pair's number draws its names, texts and
// headers, a rule of its category then makes the two sides, which differ in nothing else, and the analysis that a model is
// taught to write quotes what decides.
//
// docs/generate.md has the rules and what was measured of them.
package generate
