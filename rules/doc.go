// Package rules makes candidates of findings from HTTP traffic that no scanner has judged: a small policy of what a response
// should say, for a model to review. docs/rules.md has the policy with its reasons and sources.
//
// A rule is a function of one exchange. It reports what breaks the policy as far as the exchange shows, and is silent where
// the header does not matter: no Content-Security-Policy on an image, no Cache-Control on public data.
package rules
