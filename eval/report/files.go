package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/januslm/janus/internal/outfile"
)

// Files are where a report goes; what is empty is not written.
type Files struct {
	HTML     string // a page
	Markdown string
	Charts   string // a folder of the charts, each as SVG and as PNG
}

// Save writes the document's files, each whole. It returns how many charts there are.
func (d *Document) Save(f Files) (charts int, err error) {
	if f.Charts != "" {
		if charts, err = d.saveCharts(f.Charts); err != nil {
			return 0, err
		}
	}
	if f.HTML != "" {
		if err := saved(f.HTML, d.WriteHTML); err != nil {
			return charts, err
		}
	}
	if f.Markdown == "" {
		return charts, nil
	}
	folder, err := f.chartsFromMarkdown()
	if err != nil {
		return charts, err
	}
	return charts, saved(f.Markdown, func(w io.Writer) error { return d.WriteMarkdown(w, folder) })
}

// chartsFromMarkdown is the charts' folder as the Markdown file sees it.
func (f *Files) chartsFromMarkdown() (string, error) {
	if f.Charts == "" {
		return "", nil
	}
	from, err := filepath.Abs(filepath.Dir(f.Markdown))
	to, err2 := filepath.Abs(f.Charts)
	if err := errors.Join(err, err2); err != nil {
		return "", err
	}
	folder, err := filepath.Rel(from, to)
	if err != nil {
		folder = to // on another drive
	}
	return filepath.ToSlash(folder), nil
}

func saved(path string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return outfile.Write(path, b.Bytes())
}

func (d *Document) saveCharts(dir string) (n int, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, err
	}
	for _, s := range d.Sections {
		for _, block := range s.Blocks {
			if block.Chart == nil {
				continue
			}
			n++
			for _, ext := range []string{".svg", ".png"} {
				if err := block.Chart.Picture.Save(filepath.Join(dir, block.Chart.ID+ext)); err != nil {
					return n, err
				}
			}
		}
	}
	return n, nil
}
