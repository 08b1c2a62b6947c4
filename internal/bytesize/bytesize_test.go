package bytesize

import "testing"

func TestParse(t *testing.T) {
	for text, want := range map[string]int64{
		"24GB": 24e9, "24gb": 24e9, "1.5 GB": 1.5e9, "512MiB": 512 << 20, "2GiB": 2 << 30, "100": 100, "7b": 7, "3kb": 3000, " 1TB ": 1e12,
	} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("%q is %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "GB", "-1GB", "0", "x", "1e30GB", "NaN", "Inf", "5XB"} {
		if got, err := Parse(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}
