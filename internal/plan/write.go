package plan

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/januslm/janus/transformer"
)

// Config reads the configuration of a model folder, or a config.json on its own: no weights are needed.
func Config(path string) (*transformer.Config, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return transformer.LoadConfig(path)
	} else if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("plan: %w (expected a model's folder, its config.json, or the name of a pulled model)", err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c, err := transformer.ParseConfig(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w (a plan needs config.json)", path, err)
	}
	return c, nil
}

// Machine is the memory of this machine that is free for programs, 0 where that is not known.
func Machine() int64 {
	data, err := os.ReadFile(filepath.FromSlash("/proc/meminfo"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		var kib int64
		if _, err := fmt.Sscanf(line, "MemAvailable: %d kB", &kib); err == nil {
			return kib << 10
		}
	}
	return 0
}

// Write shows a plan to people.
func (p *Plan) Write(w io.Writer) error {
	var b strings.Builder
	o := p.Options
	line := func(name string, bytes int64, note string) {
		fmt.Fprintf(&b, "%-34s %9s", name, gigabytes(bytes))
		if note != "" {
			b.WriteString("  " + note)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "%s in %s, %s of %d prompt and %d new tokens\n", p.Model, o.DType, rows(o.Batch), o.Prompt, o.MaxTokens)
	line("weights", p.Weights, fmt.Sprintf("%.3f billion parameters", float64(p.Parameters)/1e9))
	if o.DType == Int8 {
		b.WriteString("  (a CPU needs room for f32's besides: XLA keeps float32 copies of the matrices while it writes)\n")
	}
	if o.Adapters > 0 {
		line("adapters", p.Adapters, fmt.Sprintf("%d of rank %d in all projections", o.Adapters, o.Rank))
	}
	line("head", p.Heads, "")
	if o.DType == F32 {
		line("program and compiled code", p.Runtime, "on a CPU, as measured")
	} else {
		line("program and compiled code", p.Runtime, "on a GPU, an assumption")
	}
	for _, part := range p.parts {
		line(part.name, part.bytes, "")
	}
	for _, c := range p.Cache {
		kind := "that see everything"
		if c.Window > 0 {
			kind = fmt.Sprintf("with a window of %d, kept whole", c.Window)
		}
		line(fmt.Sprintf("  a cache of %d layers", c.Layers), c.Bytes, fmt.Sprintf("%s; %.1f kB a token and row", kind, float64(c.PerToken)/1e3))
	}
	host := "on its way, in float32"
	if o.DType != F32 {
		host += "; of the host's memory, not in the total"
	}
	line("loading: the largest tensor", p.Loading, host)
	line("total", p.Total, "at its peak, "+p.Peak)
	if p.Fits != nil {
		b.WriteString(p.verdict())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// verdict says whether it fits.
func (p *Plan) verdict() string {
	memory := gigabytes(p.Options.Memory)
	switch {
	case p.LargestBatch == 0:
		return fmt.Sprintf("does not fit %s, not even one row: choose a smaller dtype, shorter prompts, or a smaller model\n", memory)
	case *p.Fits:
		return fmt.Sprintf("fits %s; the largest batch that does has %s\n", memory, rows(p.LargestBatch))
	}
	return fmt.Sprintf("does not fit %s; the largest batch that does has %s\n", memory, rows(p.LargestBatch))
}

func rows(n int) string {
	if n == 1 {
		return "1 row"
	}
	return fmt.Sprintf("%d rows", n)
}

// gigabytes is a size in 10⁹ bytes, as devices are sold.
func gigabytes(n int64) string { return fmt.Sprintf("%.2f GB", float64(n)/1e9) }
