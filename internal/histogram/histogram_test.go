package histogram_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/januslm/janus/internal/histogram"
)

func TestText(t *testing.T) {
	for name, test := range map[string]struct {
		values []int
		want   string
	}{
		"none": {nil, "tokens a row\n0 rows; least 0, median 0, mean 0.0, 95 % up to 0, most 0\n"},
		"one":  {[]int{7}, "tokens a row\n1 rows; least 7, median 7, mean 7.0, 95 % up to 7, most 7\n7–7 │████ 1\n"},
		"some": {[]int{95, 30, 35, 41, 38, 60}, `tokens a row
6 rows; least 30, median 38, mean 49.8, 95 % up to 95, most 95
 30–34  │██ 1
 35–39  │████ 2
 40–44  │██ 1
 45–49  │0
 50–54  │0
 55–59  │0
 60–64  │██ 1
 65–69  │0
 70–74  │0
 75–79  │0
 80–84  │0
 85–89  │0
 90–94  │0
 95–99  │██ 1
`},
	} {
		var b strings.Builder
		if err := histogram.New("tokens a row", "tokens", test.values).Write(&b, 4); err != nil {
			t.Fatal(err)
		}
		if b.String() != test.want {
			t.Errorf("%s:\n%s", name, b.String())
		}
	}
}

func TestBinsAreFew(t *testing.T) {
	for _, most := range []int{1, 19, 20, 21, 1000, 123456} {
		var values []int
		for v := 3; v <= most; v += max(1, most/1000) {
			values = append(values, v)
		}
		var b strings.Builder
		if err := histogram.New("", "", values).Write(&b, 50); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(b.String(), "│"); n > 20 || n == 0 && len(values) > 0 {
			t.Errorf("up to %d: %d bins", most, n)
		}
	}
}

func TestSave(t *testing.T) {
	dir := t.TempDir()
	h := histogram.New("tokens a row", "tokens", []int{1, 2, 3, 3, 3, 10})
	for _, name := range []string{"h.png", "h.svg"} {
		if err := h.Save(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, "h.png"))
	if err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(data))
	if err != nil || picture.Bounds().Dx() != 1152 || picture.Bounds().Dy() != 648 {
		t.Errorf("%v, %v", picture.Bounds(), err)
	}
	data, err = os.ReadFile(filepath.Join(dir, "h.svg"))
	if err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(bytes.NewReader(data)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Contains(data, []byte("median")) {
		t.Error("the SVG has no legend")
	}
	if err := histogram.New("", "", nil).Save(filepath.Join(dir, "empty.png")); err != nil {
		t.Error(err)
	}
	if err := h.Save(filepath.Join(dir, "h.gif")); err == nil || !strings.Contains(err.Error(), ".png or .svg") {
		t.Error(err)
	}
}
