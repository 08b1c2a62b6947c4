// Package agents makes training data with a language model: linked pairs of HTTP exchanges, of which one has a flaw and the
// other has not, and an analysis of each. From a hand-written template one agent after the other enhances the request, enhances
// the response, introduces a flaw, clones the exchange without it, checks the pair's quality, and writes the reasoning.
//
// What an agent answers is checked by code before the next one sees it: JSON of its schema, messages that net/http reads, a
// clone that differs in little, an analysis that quotes a line that is there. The model is told what was wrong and tries again,
// a bounded number of times; then the pair is given up.
//
// docs/agents.md has the agents, their prompts and schemas, the account of calls, and how a killed run goes on.
package agents
