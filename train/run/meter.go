package run

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/januslm/janus/internal/progress"
)

// Meter shows how training goes: steps, the time that is left, tokens a second, memory, and a word of the command's.
type Meter struct {
	bar     *progress.Bar
	begun   time.Time // the step under way
	speed   float64   // tokens a second, of late
	seconds float64   // a step, of late
}

// recent is how much a step counts for the speed that is shown: about the last ten.
const recent = 0.1

// NewMeter shows a bar on a terminal, and a line now and then elsewhere. done is how many of the steps were done before.
func NewMeter(w io.Writer, title string, done, total int) *Meter {
	o := progress.Options{Title: title, Total: int64(total), From: int64(done)}
	return &Meter{bar: progress.Start(w, o), begun: time.Now()}
}

// Begin says that a step begins: what was before it, a validation or a checkpoint, is no part of its time.
func (m *Meter) Begin() { m.begun = time.Now() }

// Step says that a step is done, from how many tokens it learned, and a word about it, such as "loss 0.31".
func (m *Meter) Step(step, tokens int, note string) {
	now := time.Now()
	seconds := now.Sub(m.begun).Seconds()
	m.begun = now
	if seconds > 0 {
		speed := float64(tokens) / seconds
		if m.seconds == 0 {
			m.speed, m.seconds = speed, seconds
		}
		m.speed += recent * (speed - m.speed)
		m.seconds += recent * (seconds - m.seconds)
	}
	text := fmt.Sprintf("%.0f tokens/s", m.speed)
	if n, ok := residentBytes(); ok {
		text += fmt.Sprintf(", %.1f GB", n/1e9)
	}
	if note != "" {
		text += ", " + note
	}
	m.bar.Note(text)
	m.bar.Set(int64(step))
}

// Values are the speed and the memory of now, for LogTiming.
func (m *Meter) Values() map[string]float64 {
	values := map[string]float64{TokensPerSecond: m.speed, SecondsPerStep: m.seconds}
	if n, ok := residentBytes(); ok {
		values[Memory] = n
	}
	return values
}

// Finish takes the bar off the screen.
func (m *Meter) Finish() { m.bar.Finish() }

// residentBytes is the memory of this process that is in RAM, where the system says so (Linux: proc(5), statm).
func residentBytes() (float64, bool) {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	columns := strings.Fields(string(data))
	if len(columns) < 2 {
		return 0, false
	}
	pages, err := strconv.ParseInt(columns[1], 10, 64)
	return float64(pages) * float64(os.Getpagesize()), err == nil
}
