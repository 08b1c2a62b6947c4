package finding

import (
	"fmt"
	"io"
)

// bombRatio is more than any report is packed by: text that a scanner wrote shrinks to a
// tenth or a fiftieth, a bomb to a thousandth.
const bombRatio = 500

// bombGuard stops a gzip bomb, which a format that is read row by row would follow to its end.
type bombGuard struct {
	r      io.Reader // decompressed
	packed *countingReader
	limit  int64 // up to which any ratio is harmless
	n      int64
}

func (g *bombGuard) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	g.n += int64(n)
	if g.n > g.limit && g.n/bombRatio > g.packed.n {
		return n, fmt.Errorf("decompressed it is larger than the limit of %d bytes, and more than %d times its size: it looks like a bomb", g.limit, bombRatio)
	}
	return n, err
}

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
