//go:build !janus_native

package tokenizer

import "errors"

// NativeBuilt says whether the Rust library is linked into this program.
const NativeBuilt = false

// ErrNativeNotBuilt is what OpenNative gives in a program without the Rust library.
var ErrNativeNotBuilt = errors.New("tokenizer: the native tokenizer is not built in " +
	"(run scripts/build-tokenizers, then build with -tags janus_native)")

// OpenNative gives ErrNativeNotBuilt in this build.
func OpenNative(string) (Tokenizer, error) { return nil, ErrNativeNotBuilt }
