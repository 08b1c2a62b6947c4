package finding

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// DefaultContext is how many lines AddSource shows on each side of a finding.
const DefaultContext = 10

const (
	maxExcerptLines = 400  // a region that covers a whole file is cut to this
	maxLineBytes    = 2000 // minified code has lines of megabytes
)

// AddSource replaces the finding's snippet by the code around its place, read
// below root: context lines on each side, numbered, the finding's own lines
// marked ">>". A finding without a line gets the file's beginning.
//
// The finding's file is untrusted. It is opened through root, so neither "../",
// an absolute path, nor a symbolic link can lead out. An absolute path, which is
// where the code lay on the scanner's machine, is tried by its endings: below
// /checkout, "/home/ci/src/app/a.py" may be app/a.py. Where nothing can be read
// the finding keeps its snippet and gets a note: a missing file is no failure.
func AddSource(f *Finding, root *os.Root, context int) {
	if f.File == "" || f.Category == "http" || isAbsoluteURI(f.File) {
		return // not a place in code
	}
	file, name, err := openBelow(root, f.File)
	if err != nil {
		f.note("no source code: %v", err)
		return
	}
	defer func() { _ = file.Close() }() // only read
	if name != path.Clean(f.File) {
		f.note("source code of %s is from %s", f.File, name)
	}
	if err := excerpt(f, file, context); err != nil {
		f.note("no source code: %s: %v", name, err)
	}
}

// openBelow opens the regular file that name means below root.
func openBelow(root *os.Root, name string) (*os.File, string, error) {
	clean := path.Clean(strings.ReplaceAll(name, `\`, "/"))
	absolute := strings.HasPrefix(clean, "/") || len(clean) > 1 && clean[1] == ':'
	candidates := []string{clean}
	if absolute {
		candidates = nil
		parts := strings.Split(strings.TrimLeft(clean, "/"), "/")
		// A bare base name would match the wrong file too easily.
		for i := 0; i+1 < len(parts) || i == 0; i++ {
			candidates = append(candidates, strings.Join(parts[i:], "/"))
		}
	}
	for _, candidate := range candidates {
		if !filepath.IsLocal(filepath.FromSlash(candidate)) {
			continue
		}
		info, err := root.Stat(candidate)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, "", fmt.Errorf("%s cannot be opened below the source root: %w", candidate, err)
		case !info.Mode().IsRegular(): // opening a pipe would wait for ever
			return nil, "", fmt.Errorf("%s is not a regular file", candidate)
		}
		file, err := root.Open(candidate)
		return file, candidate, err
	}
	if !absolute && !filepath.IsLocal(filepath.FromSlash(clean)) {
		return nil, "", fmt.Errorf("%s is outside of the source root", name)
	}
	return nil, "", fmt.Errorf("%s is not below the source root", name)
}

// excerpt sets the finding's snippet and focus from its file. It reads no
// further than it must, and holds no more than it shows.
func excerpt(f *Finding, r io.Reader, context int) error {
	context = max(context, 0)
	first, last := 1, 2*context+1
	start, end := f.LineNumber(), max(f.LineNumber(), f.EndLine)
	if start > 0 {
		first = max(1, start-context)
		last = min(end+context, first+maxExcerptLines)
	}
	var code, focus []string
	width := len(fmt.Sprint(last))
	reader := bufio.NewReader(r)
	number := 0
	for number < last {
		line, err := excerptLine(reader)
		if err != nil && (!errors.Is(err, io.EOF) || line == "") {
			if !errors.Is(err, io.EOF) {
				return err
			}
			break
		}
		number++
		if number < first {
			continue
		}
		if strings.IndexByte(line, 0) >= 0 {
			return errors.New("it is not text")
		}
		mark := "  "
		if start > 0 && number >= start && number <= end {
			mark = ">>"
			focus = append(focus, line)
		}
		code = append(code, fmt.Sprintf("%s %*d | %s", mark, width, number, line))
		if err != nil {
			break
		}
	}
	if len(code) == 0 || start > 0 && len(focus) == 0 {
		return fmt.Errorf("it has %d lines, and the finding is on line %d", number, start)
	}
	f.Snippet = strings.Join(code, "\n")
	f.Focus = strings.TrimSpace(strings.Join(focus, "\n"))
	return nil
}

// excerptLine reads a line without its end, cut to maxLineBytes. The error is
// io.EOF at the end, with what came before it.
func excerptLine(r *bufio.Reader) (string, error) {
	var line []byte
	dropped := 0
	for {
		part, err := r.ReadSlice('\n')
		keep := min(len(part), max(maxLineBytes-len(line), 0))
		line = append(line, part[:keep]...)
		dropped += len(part) - keep
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		text := strings.ToValidUTF8(strings.TrimRight(string(line), "\r\n"), "\uFFFD")
		if dropped > 1 {
			text += fmt.Sprintf(" [… %d bytes cut …]", dropped)
		}
		return text, err
	}
}
