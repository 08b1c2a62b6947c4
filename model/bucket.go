package model

// bucket rounds a length up, so that batches of like size share a compiled program: to a multiple of 32 up to 256, of 64
// up to 1024, then of 256.
func bucket(n int) int {
	step := 32
	switch {
	case n > 1024:
		step = 256
	case n > 256:
		step = 64
	}
	return max(step, (n+step-1)/step*step)
}

// roundTokens rounds the room for generated tokens up, for the same reason.
func roundTokens(n int) int { return (max(n, 1) + 15) / 16 * 16 }

// CacheColumns tells how many positions the caches of a row have, of which prompt tokens are read and at most maxTokens
// written: the one that prefilling leaves, and the one that the loop starts with.
func CacheColumns(prompt, maxTokens int) (prefilled, decoding int) {
	prefilled = bucket(max(prompt-1, 0)) // the loop feeds the last token
	return prefilled, prefilled + decodeShape{Tokens: roundTokens(maxTokens)}.steps()
}
