package finding

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"sync"
	"testing"
)

func TestVerdictJSON(t *testing.T) {
	for _, tc := range []struct {
		v    Verdict
		want string
	}{
		{Verdict{ID: "a", Verdict: TruePositive, P: 0, Reasoning: "<x> & y", Tokens: 3, Seconds: 0.5},
			`{"id":"a","verdict":"TP","p":0,"reasoning":"<x> & y","tokens":3,"seconds":0.5}`},
		{Verdict{ID: "b", Verdict: Uncertain, P: 0.5, Trajectory: []float64{0.25, 0.5}, Heads: []HeadVerdict{{Head: "h", P: 0.5}}, Note: "cut", Model: "m", Adapter: "x", Head: "h", Prompt: "v"},
			`{"id":"b","verdict":"uncertain","p":0.5,"reasoning":"","tokens":0,"seconds":0,"trajectory":[0.25,0.5],"heads":[{"head":"h","p":0.5}],"note":"cut","model":"m","adapter":"x","head":"h","prompt":"v"}`},
		{Verdict{ID: "c", Error: "too long", P: 0.5},
			`{"id":"c","verdict":null,"p":null,"reasoning":"","tokens":0,"seconds":0,"error":"too long"}`},
		{Verdict{ID: "d", Verdict: FalsePositive, P: math.NaN()},
			`{"id":"d","verdict":"FP","p":null,"reasoning":"","tokens":0,"seconds":0}`},
	} {
		got, err := tc.v.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != tc.want {
			t.Errorf("%s\nwant %s", got, tc.want)
		}
		var back Verdict
		if err := json.Unmarshal(got, &back); err != nil {
			t.Fatal(err)
		}
		want := tc.v
		if !want.Judged() || math.IsNaN(want.P) {
			want.P = 0
		}
		if !reflect.DeepEqual(back, want) {
			t.Errorf("read back %+v, want %+v", back, want)
		}
	}
}

// TestJSONLWriter: rows from many goroutines stay whole, and nothing waits in a buffer.
func TestJSONLWriter(t *testing.T) {
	var out bytes.Buffer
	w := NewJSONLWriter(bufio.NewWriterSize(&out, 1<<20))
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			if err := w.Write(Verdict{ID: fmt.Sprint(i), Verdict: TruePositive, Reasoning: strings.Repeat("two\nlines ", 100)}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for line := range bytes.Lines(out.Bytes()) {
		var v Verdict
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		seen[v.ID] = true
	}
	if len(seen) != 50 {
		t.Errorf("%d rows", len(seen))
	}
	if err := NewJSONLWriter(failingWriter{}).Write(Verdict{}); err == nil {
		t.Error("a full disk gives no error")
	}
}
