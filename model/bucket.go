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
