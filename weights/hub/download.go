package hub

import (
	"context"
	"crypto/sha1" //nolint:gosec // Git names its blobs so
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// file is one file of a model, as the hub describes it.
type file struct {
	name    string
	address string
	etag    string // names the blob; SHA-256 of a large file, Git's SHA-1 of another
	size    int64
}

var (
	blobName = regexp.MustCompile(`^[0-9A-Za-z_-]{1,128}$`)
	hexName  = regexp.MustCompile(`^[0-9a-f]+$`)
)

// describe asks for a file's size and hash.
func (c *Client) describe(ctx context.Context, name Name, hash, path string) (*file, error) {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	f := &file{name: path, address: c.Endpoint + "/" + name.ID + "/resolve/" + hash + "/" + strings.Join(segments, "/")}
	err := c.retry(ctx, path, func() (bool, error) {
		resp, err := c.request(ctx, http.MethodHead, f.address, 0)
		if err != nil {
			return false, c.network(ctx, err)
		}
		defer resp.Body.Close() //nolint:errcheck // empty
		if resp.StatusCode >= 400 {
			return false, c.status(name, path, resp)
		}
		if got := resp.Header.Get("X-Repo-Commit"); got != hash {
			return false, fmt.Errorf("%s: expected commit %s, the server has %.60q", path, hash, got)
		}
		tag := resp.Header.Get("X-Linked-Etag")
		size := resp.Header.Get("X-Linked-Size")
		if tag == "" {
			tag = resp.Header.Get("Etag")
		}
		if size == "" {
			size = resp.Header.Get("Content-Length")
		}
		f.etag = strings.Trim(strings.TrimPrefix(tag, "W/"), `"`)
		if f.size, err = strconv.ParseInt(size, 10, 64); err != nil || f.size < 0 || !blobName.MatchString(f.etag) {
			return false, fmt.Errorf("%s: expected a size and a hash, the server gives size %.40q and etag %.140q", path, size, tag)
		}
		return false, nil
	})
	return f, err
}

// hasher returns the hash that the file's etag is of, nil where it is of no known kind.
func (f *file) hasher() hash.Hash {
	switch {
	case !hexName.MatchString(f.etag):
		return nil
	case len(f.etag) == 64:
		return sha256.New()
	case len(f.etag) == 40: // of a Git blob (gitformat-pack, "blob SIZE\0" and the bytes)
		h := sha1.New() //nolint:gosec // as above
		fmt.Fprintf(h, "blob %d\x00", f.size)
		return h
	}
	return nil
}

// blob fetches a file to blobs/ETAG, unless it is there. advance is called with bytes that got here, or, negative, with
// those that were thrown away.
func (c *Client) blob(ctx context.Context, name Name, blobs string, f *file, advance func(n int64)) (string, error) {
	path := filepath.Join(blobs, f.etag)
	unlock, err := lock(ctx, filepath.Join(c.Cache, ".locks", name.folder(), f.etag+".lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if info, err := os.Stat(path); err == nil && info.Size() == f.size {
		advance(f.size)
		return path, nil
	}
	part := path + ".incomplete"
	resumed := false
	if info, err := os.Stat(part); err == nil {
		resumed = info.Size() > 0
	}
	if err := c.fetch(ctx, name, f, part, advance); err != nil {
		var wrong *hashError
		if !errors.As(err, &wrong) || !resumed {
			return "", err
		}
		// What was there may have been of another program: once more, from the start.
		if err := c.fetch(ctx, name, f, part, advance); err != nil {
			return "", err
		}
	}
	if err := os.Rename(part, path); err != nil {
		return "", err
	}
	return path, nil
}

// hashError is a file that is not what the hub says it is.
type hashError struct{ name, want, got string }

func (e *hashError) Error() string {
	return fmt.Sprintf("%s: wrong hash: the hub says %s, what came has %s: the file is not kept", e.name, e.want, e.got)
}

// fetch fills part, going on where it ends, and checks size and hash.
func (c *Client) fetch(ctx context.Context, name Name, f *file, part string, advance func(n int64)) (err error) {
	out, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	d := &download{c: c, name: name, file: f, out: out, sum: f.hasher(), advance: advance}
	if err := d.start(); err != nil {
		return err
	}
	if err := c.retry(ctx, f.name, func() (bool, error) { return d.attempt(ctx) }); err != nil {
		return err
	}
	if d.sum != nil {
		if got := hex.EncodeToString(d.sum.Sum(nil)); got != f.etag {
			advance(-d.at)
			return errors.Join(&hashError{f.name, f.etag, got}, os.Remove(part))
		}
	}
	return out.Sync()
}

// download is a file on its way.
type download struct {
	c       *Client
	name    Name
	file    *file
	out     *os.File
	sum     hash.Hash // of the first at bytes
	at      int64
	advance func(n int64)
}

// start takes up what an earlier run left.
func (d *download) start() error {
	info, err := d.out.Stat()
	if err != nil {
		return err
	}
	if info.Size() > d.file.size {
		return d.restart()
	}
	if d.sum != nil {
		if _, err := io.Copy(d.sum, d.out); err != nil {
			return err
		}
	}
	d.at = info.Size()
	d.advance(d.at)
	return nil
}

// restart throws away what is there.
func (d *download) restart() error {
	d.advance(-d.at)
	d.at = 0
	d.sum = d.file.hasher()
	return d.out.Truncate(0)
}

// attempt fetches what is missing, as far as one answer brings it.
func (d *download) attempt(ctx context.Context) (further bool, err error) {
	if d.at == d.file.size {
		return false, nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	resp, err := d.c.request(ctx, http.MethodGet, d.file.address, d.at)
	if err != nil {
		return false, d.c.network(ctx, err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	switch resp.StatusCode {
	case http.StatusPartialContent:
		if want := fmt.Sprintf("bytes %d-%d/%d", d.at, d.file.size-1, d.file.size); resp.Header.Get("Content-Range") != want {
			return false, errors.Join(d.restart(), &passing{err: fmt.Errorf("%s: asked for %s, got %.80q", d.file.name, want, resp.Header.Get("Content-Range"))})
		}
	case http.StatusOK: // all of it, whatever was asked for
		if d.at > 0 {
			if err := d.restart(); err != nil {
				return false, err
			}
		}
	case http.StatusRequestedRangeNotSatisfiable:
		return false, errors.Join(d.restart(), &passing{err: fmt.Errorf("%s: the server answers %s", d.file.name, resp.Status)})
	default:
		return false, d.c.status(d.name, d.file.name, resp)
	}
	before := d.at
	err = d.copy(ctx, &watched{r: resp.Body, c: d.c, cancel: cancel})
	return d.at > before, err
}

// copy writes an answer's body to the file.
func (d *download) copy(ctx context.Context, body io.Reader) error {
	buffer := make([]byte, 1<<18)
	for {
		n, err := body.Read(buffer)
		if d.at+int64(n) > d.file.size {
			return fmt.Errorf("%s: expected %d bytes, the server sends more", d.file.name, d.file.size)
		}
		if n > 0 {
			if _, err := d.out.WriteAt(buffer[:n], d.at); err != nil {
				return fmt.Errorf("writing %s: %w", d.out.Name(), err)
			}
			if d.sum != nil {
				d.sum.Write(buffer[:n]) // never fails
			}
			d.at += int64(n)
			d.advance(int64(n))
		}
		switch {
		case err == io.EOF && d.at == d.file.size:
			return nil
		case err == io.EOF:
			return &passing{err: fmt.Errorf("the connection was cut after %d of %d bytes", d.at, d.file.size)}
		case err != nil:
			return d.c.network(ctx, err)
		}
	}
}

// watched reads a body and gives up when nothing comes for the client's timeout.
type watched struct {
	r      io.ReadCloser
	c      *Client
	cancel context.CancelCauseFunc // nil: the body is closed
}

var errStalled = errors.New("the download stood still")

func (w *watched) Read(p []byte) (int, error) {
	stalled := make(chan struct{})
	timer := time.AfterFunc(w.c.Timeout, func() {
		close(stalled)
		if w.cancel != nil {
			w.cancel(errStalled)
			return
		}
		_ = w.r.Close() // the read then ends with an error
	})
	n, err := w.r.Read(p)
	timer.Stop()
	select {
	case <-stalled:
		if err != nil && !errors.Is(err, io.EOF) {
			err = fmt.Errorf("nothing came for %s (HF_HUB_DOWNLOAD_TIMEOUT sets it)", w.c.Timeout)
		}
	default:
	}
	return n, err
}
