// Package bytesize reads sizes as people write them.
package bytesize

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

var units = []struct {
	name  string
	bytes float64
}{
	{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"tib", 1 << 40},
	{"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"tb", 1e12}, {"b", 1},
}

// Parse reads "5GB" (5·10⁹ bytes), "512 MiB" (512·2²⁰) or a count of bytes, whatever the case.
func Parse(text string) (int64, error) {
	number, factor := strings.ToLower(strings.TrimSpace(text)), 1.0
	for _, u := range units {
		if rest, ok := strings.CutSuffix(number, u.name); ok {
			number, factor = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !(n > 0) || n*factor >= math.MaxInt64 {
		return 0, fmt.Errorf("expected a size such as 24GB, 512MiB or a count of bytes, found %q", text)
	}
	return int64(n * factor), nil
}
