// Package review is the way of a report: findings become prompts, prompts become batches of the model's one graph, and what
// comes back becomes verdicts.
//
// Nothing here prints or knows a flag. [New] prepares a model for findings, [Reviewer.Review] runs them, [Read] brings
// reports in, and [Output] writes verdicts so that none is lost: not by Ctrl-C, and not by a full disk.
//
// Three choices make a review fast without changing what comes out:
//
//   - Tokens that all prompts begin with (the instructions) are computed once for the whole run.
//   - Rows of like length run together, in batches of even size.
//   - Compiling costs seconds, so batches share a few shapes; see [Plan].
package review
