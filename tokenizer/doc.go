// Package tokenizer turns text into token ids and back, and conversations into prompts.
//
// There are two implementations behind [Tokenizer]:
//
//   - "rust tokenizers": github.com/daulet/tokenizers, the Hugging Face library itself,
//     linked statically with the build tag janus_native (see scripts/build-tokenizers);
//   - "pure Go": a reader of tokenizer.json written here, so that a plain go build works
//     everywhere.
//
// The pure-Go reader is our own because the one of go-huggingface v0.4.0 compiles the
// file's patterns with Go's regexp, which has no lookahead: it refuses Llama 3's file, and
// it decodes and tracks offsets only roughly. This one follows the tokenizers crate
// (v0.22) step by step: added tokens, normalizer, pre-tokenizer, model, post-processor,
// with the crate's alignment rules for offsets. Both are tested against the same fixtures
// and against each other.
//
// # Untrusted text
//
// A finding may contain text such as "<|im_end|>". [EncodeChat] renders the chat template
// with an interpreter that remembers, byte by byte, which text the template wrote and
// which came from a message (package internal/jinja); a control token is then recognised
// only where every byte of it was written by the template. No placeholder is involved, so
// there is nothing for hostile text to collide with. [EncodeSegments] offers the same for
// text that does not come from a template.
//
// Invalid UTF-8 is replaced before encoding, in both implementations, the way Rust's
// from_utf8_lossy does it: see [ValidUTF8].
package tokenizer
