package explain

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rivo/uniseg"

	"github.com/januslm/janus/finding"
)

const defaultWidth = 100

// Escapes of ECMA-48: towards a real finding, towards a false alarm, and what stands back.
const (
	red   = "\x1b[31m"
	green = "\x1b[32m"
	dim   = "\x1b[2m"
	bold  = "\x1b[1m"
	reset = "\x1b[0m"
)

// terminal writes an explanation for people.
type terminal struct {
	b     strings.Builder
	o     finding.TableOptions
	width int
}

// WriteText writes the explanation for a terminal: the verdict, the analysis with the probability as bars under its words, and
// the words at which it turned. All text of findings and models is shown by finding.Clean.
func (e *Explanation) WriteText(w io.Writer, o finding.TableOptions) error {
	t := &terminal{o: o, width: o.Width}
	if t.width <= 0 {
		t.width = defaultWidth
	}
	t.width = max(t.width, 40)
	v := &e.Verdict
	fmt.Fprintf(&t.b, "%s  P %.3f  threshold %.3f  %s\n", t.in(bold+t.side(v.P >= e.Threshold), e.word()), v.P, e.Threshold, finding.Clean(e.Finding.ID))
	for _, line := range e.head() {
		t.b.WriteString(t.in(dim, line) + "\n")
	}
	if len(e.Words) == 0 {
		t.b.WriteString("\nThe model wrote no analysis.\n")
	} else {
		t.b.WriteByte('\n')
		t.flow(e)
	}
	t.turns(e)
	_, err := io.WriteString(w, t.b.String())
	return err
}

// head is what the finding is, a line each.
func (e *Explanation) head() (lines []string) {
	f, v := &e.Finding, &e.Verdict
	about := []string{f.Rule, f.Location()}
	if f.Label != "" {
		about = append(about, "label "+f.Label)
	}
	judged := []string{v.Model, v.Adapter, v.Head}
	for _, list := range [][]string{{f.Title}, about, judged, {v.Note}} {
		var parts []string
		for _, text := range list {
			if text = finding.Clean(strings.TrimSpace(text)); text != "" {
				parts = append(parts, text)
			}
		}
		if len(parts) > 0 {
			lines = append(lines, strings.Join(parts, "  "))
		}
	}
	return lines
}

func (t *terminal) in(escape, text string) string {
	if !t.o.Color || text == "" {
		return text
	}
	return escape + text + reset
}

func (t *terminal) side(real bool) string {
	if real {
		return red
	}
	return green
}

// flow writes the words in lines, and under each of them the probability after its tokens.
func (t *terminal) flow(e *Explanation) {
	crossed, moved, _ := Turns(e.Words, e.Threshold, e.Most)
	marked := map[int]bool{}
	for _, i := range append(crossed, moved...) {
		marked[i] = true
	}
	var above, below strings.Builder
	used := 0
	end := func() {
		t.b.WriteString(above.String() + "\n" + below.String() + "\n")
		above.Reset()
		below.Reset()
		used = 0
	}
	for i := range e.Words {
		w := &e.Words[i]
		shown := finding.Clean(w.Shown())
		text := strings.TrimRight(finding.CleanCell(shown, min(uniseg.StringWidth(shown), t.width)), " ")
		wide := uniseg.StringWidth(text)
		if wide == 0 {
			continue
		}
		if used > 0 && used+1+wide > t.width {
			end()
		}
		if used > 0 {
			above.WriteByte(' ')
			below.WriteByte(' ')
			used++
		}
		used += wide
		if marked[i] {
			to := w.After >= e.Threshold
			if !w.Crosses(e.Threshold) {
				to = w.Change() > 0
			}
			text = t.in(bold+t.side(to), text)
		}
		above.WriteString(text)
		bars := ""
		for k := range wide {
			bars += Block(e.Verdict.Trajectory[w.From+1+k*(w.To-w.From)/wide])
		}
		below.WriteString(t.in(t.side(w.After >= e.Threshold), bars))
	}
	if used > 0 {
		end()
	}
}

func (t *terminal) turns(e *Explanation) {
	crossed, crossings, moved := e.turns()
	t.b.WriteString("\n" + e.way(crossings) + "\n")
	t.list("The verdict turned at", crossed)
	if more := crossings - len(crossed); more > 0 {
		fmt.Fprintf(&t.b, "  and %d times more\n", more)
	}
	t.list("What moved it most", moved)
}

// way says in a sentence how the probability went.
func (e *Explanation) way(crossings int) string {
	ps := e.Verdict.Trajectory
	if len(ps) == 0 {
		ps = []float64{e.Verdict.P}
	}
	if first := ps[0]; len(ps) > 1 && !slices.ContainsFunc(ps, func(p float64) bool { return p != first }) {
		return fmt.Sprintf("P %.3f before the analysis and after each of its tokens: what judges does not read it.", first)
	}
	return fmt.Sprintf("P %.3f before the analysis, %.3f after it; the verdict %s.", ps[0], e.Verdict.P, often("turned", crossings))
}

func (t *terminal) list(title string, turns []turn) {
	if len(turns) == 0 {
		return
	}
	t.b.WriteString("\n" + title + "\n")
	widest := 0
	for _, w := range turns {
		widest = max(widest, min(uniseg.StringWidth(finding.Clean(w.Word)), 30))
	}
	for _, w := range turns {
		fmt.Fprintf(&t.b, "  token %4d  %s  %.3f → %.3f  %s\n", w.Token, finding.CleanCell(w.Word, widest), w.Before, w.After, t.in(t.side(w.To == "real"), "to "+w.To))
	}
}

// WriteJSON writes the explanation as an object.
func (e *Explanation) WriteJSON(w io.Writer) error {
	crossed, crossings, moved := e.turns()
	out := struct {
		ID         string    `json:"id"`
		Verdict    string    `json:"verdict"`
		P          float64   `json:"p"`
		Threshold  float64   `json:"threshold"`
		Pieces     []string  `json:"pieces"`
		Trajectory []float64 `json:"trajectory"`
		Crossings  int       `json:"crossings"`
		Turned     []turn    `json:"turned"`
		Moved      []turn    `json:"moved"`
	}{
		e.Finding.ID, string(e.Verdict.Verdict), e.Verdict.P, e.Threshold, e.Verdict.Pieces, e.Verdict.Trajectory, crossings,
		append([]turn{}, crossed...), append([]turn{}, moved...),
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(out)
}
