// Package progress shows how far a long step is: a bar with the time that is left on a terminal, and now and then a plain
// line in a log.
package progress

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Options say what is counted.
type Options struct {
	Title string
	Total int64
	Bytes bool  // the count is of bytes
	From  int64 // done before, so that it says nothing about the time that the rest takes
}

const (
	redraw    = 500 * time.Millisecond // of the bar's clock
	lineEvery = 10 * time.Second       // between lines of a log
	barWidth  = 24
)

// Bar is a step in progress. Its methods may be called from several goroutines, and on nil, which shows nothing.
type Bar struct {
	mu       sync.Mutex
	o        Options
	w        io.Writer
	bar      *progressbar.ProgressBar // nil in a log
	stop     chan struct{}
	done     int64
	note     string
	start    time.Time
	lastLine time.Time
}

// Start shows a bar on w where that is a terminal, and writes lines to it where it is not.
func Start(w io.Writer, o Options) *Bar {
	b := New(w, o)
	b.Start()
	return b
}

// New makes a bar that is shown from [Bar.Start] on.
func New(w io.Writer, o Options) *Bar { return &Bar{o: o, w: w, stop: make(chan struct{})} }

// Start shows the bar and starts its clock.
func (b *Bar) Start() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.start = time.Now()
	b.lastLine = b.start
	f, ok := b.w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || os.Getenv("TERM") == "dumb" {
		return
	}
	b.bar = progressbar.NewOptions64(b.o.Total,
		progressbar.OptionSetWriter(b.w), progressbar.OptionSetDescription(b.o.Title), progressbar.OptionSetWidth(barWidth),
		progressbar.OptionShowCount(), progressbar.OptionShowBytes(b.o.Bytes), progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetElapsedTime(false), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionUseANSICodes(true), progressbar.OptionSetRenderBlankState(true))
	go b.tick()
}

// Over returns a writer whose text goes where the bar stands: the bar makes room and is drawn again below.
func (b *Bar) Over(w io.Writer) io.Writer { return &over{b, w} }

type over struct {
	bar *Bar
	w   io.Writer
}

func (o *over) Write(p []byte) (int, error) {
	o.bar.mu.Lock()
	defer o.bar.mu.Unlock()
	if o.bar.bar != nil {
		_ = o.bar.bar.Clear() // as in tick, which draws it again
	}
	return o.w.Write(p)
}

// tick keeps the clock going while nothing gets done.
func (b *Bar) tick() {
	t := time.NewTicker(redraw)
	defer t.Stop()
	for {
		select {
		case <-b.stop:
			return
		case <-t.C:
			b.mu.Lock()
			if b.bar != nil {
				b.bar.Describe(clock(b.o, b.done, time.Since(b.start), b.note))
				_ = b.bar.RenderBlank() // a bar that cannot be drawn must not stop the work
			}
			b.mu.Unlock()
		}
	}
}

// Set says how much is done.
func (b *Bar) Set(done int64) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done = done
	if b.bar != nil {
		_ = b.bar.Set64(done) // as in tick
		return
	}
	if now := time.Now(); done < b.o.Total && now.Sub(b.lastLine) >= lineEvery {
		b.lastLine = now
		_, _ = fmt.Fprintln(b.w, line(b.o, done, now.Sub(b.start), b.note)) // as in tick
	}
}

// Note shows a text, such as a speed, beside the count from the next Set or tick on.
func (b *Bar) Note(text string) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.note = text
}

// line is a log's line.
func line(o Options, done int64, elapsed time.Duration, note string) string {
	count := fmt.Sprintf("%d of %d", done, o.Total)
	if o.Bytes {
		count = fmt.Sprintf("%d of %d MB", done/1e6, o.Total/1e6)
	}
	return o.Title + ": " + count + left(o, done, elapsed) + after(note)
}

// clock is what stands before a bar.
func clock(o Options, done int64, elapsed time.Duration, note string) string {
	return o.Title + ", " + elapsed.Round(time.Second).String() + left(o, done, elapsed) + after(note)
}

func after(note string) string {
	if note == "" {
		return ""
	}
	return ", " + note
}

// left is the time that the rest will take, as far as that can be told.
func left(o Options, done int64, elapsed time.Duration) string {
	if done <= o.From || done >= o.Total {
		return ""
	}
	rest := time.Duration(float64(elapsed) / float64(done-o.From) * float64(o.Total-done))
	return fmt.Sprintf(", about %s left", rest.Round(time.Second))
}

// Finish takes the bar off the screen. Calling it again does nothing.
func (b *Bar) Finish() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-b.stop:
		return
	default:
	}
	close(b.stop)
	if b.bar != nil {
		_ = b.bar.Clear() // as in tick
		b.bar = nil
	}
}
