package hub

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Pull fetches what Janus needs of a model (or an adapter or a head) and returns its folder. Files that are there already
// are not fetched again. The folder's settings file is linked last, so that [Find] never sees half a model.
func (c *Client) Pull(ctx context.Context, name Name) (dir string, err error) {
	if offline := os.Getenv("HF_HUB_OFFLINE"); offline != "" && offline != "0" {
		return "", errors.New("HF_HUB_OFFLINE is set: nothing is fetched")
	}
	dir, err = c.pull(ctx, name)
	if err != nil {
		return "", fmt.Errorf("pulling %s: %w", name, err)
	}
	return dir, nil
}

func (c *Client) pull(ctx context.Context, name Name) (string, error) {
	l, err := c.list(ctx, name)
	if err != nil {
		return "", err
	}
	sums := map[string]string{} // of large files, by the list
	var files []string
	for _, f := range l.Files {
		files = append(files, f.Name)
		if f.LFS != nil {
			sums[f.Name] = f.LFS.SHA256
		}
	}
	if err := checkFiles(files); err != nil {
		return "", err
	}
	wanted, err := choose(files)
	if err != nil {
		return "", err
	}
	model := filepath.Join(c.Cache, name.folder())
	p := &pulling{
		Client: c, name: name, commit: l.Commit, sums: sums,
		blobs: filepath.Join(model, "blobs"), snapshot: filepath.Join(model, "snapshots", l.Commit),
	}
	for _, dir := range []string{p.blobs, p.snapshot} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
	}
	if at := slices.IndexFunc(wanted, isIndex); at >= 0 {
		if err := p.fetch(ctx, wanted[at:at+1]); err != nil {
			return "", err
		}
		parts, err := shards(filepath.Join(p.snapshot, wanted[at]), files)
		if err != nil {
			return "", err
		}
		wanted = append(wanted, parts...)
	}
	slices.Reverse(wanted) // settings begins with config.json: it is linked last
	if err := p.fetch(ctx, wanted); err != nil {
		return "", err
	}
	return p.snapshot, writeRef(model, name.Revision, l.Commit)
}

// pulling is a model on its way.
type pulling struct {
	*Client
	name            Name
	commit          string
	sums            map[string]string
	blobs, snapshot string
}

// fetch fetches and links files.
func (p *pulling) fetch(ctx context.Context, names []string) error {
	var list []*file
	var total, done, missing int64
	for _, n := range names {
		f, err := p.describe(ctx, p.name, p.commit, n)
		if err != nil {
			return err
		}
		if sum, ok := p.sums[n]; ok && sum != f.etag {
			return fmt.Errorf("%s: the hub gives two hashes, %.64q in its list and %s for the file", n, sum, f.etag)
		}
		list = append(list, f)
		total += f.size
		missing += f.size - p.present(f)
	}
	if err := p.checkSpace(missing); err != nil {
		return err
	}
	for _, f := range list {
		blob, err := p.blob(ctx, p.name, p.blobs, f, func(n int64) {
			done += n
			if p.Progress != nil {
				p.Progress(done, total)
			}
		})
		if err != nil {
			return err
		}
		if err := link(p.snapshot, f.name, blob); err != nil {
			return err
		}
	}
	return nil
}

// present is how much of a file is there.
func (p *pulling) present(f *file) int64 {
	for _, suffix := range []string{"", ".incomplete"} {
		if info, err := os.Stat(filepath.Join(p.blobs, f.etag+suffix)); err == nil {
			return min(info.Size(), f.size)
		}
	}
	return 0
}

// checkSpace says before the first byte that the disk is too small.
func (p *pulling) checkSpace(need int64) error {
	free, known := freeSpace(p.blobs)
	if known && need > free {
		return fmt.Errorf("%.1f GB are to be fetched, but only %.1f GB are free in %s (HF_HUB_CACHE names another folder)",
			float64(need)/1e9, float64(free)/1e9, p.Cache)
	}
	return nil
}
