package hub

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

// MainRevision is the branch that is meant where none is named.
const MainRevision = "main"

// Name is a model on the hub.
type Name struct {
	ID       string // "org/name", or "name" for the hub's first models, such as gpt2
	Revision string // a branch, a tag or a commit
}

func (n Name) String() string {
	if n.Revision == MainRevision {
		return n.ID
	}
	return n.ID + "@" + n.Revision
}

var (
	// The hub's rules for names (huggingface_hub, utils/_validators.py, validate_repo_id), which also keep them from being
	// anything but one folder of the cache.
	idPart   = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}$`)
	revision = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_./+-]{0,254}$`)
	commit   = regexp.MustCompile(`^[0-9a-f]{40}$`)
)

// ParseName reads "org/name" or "org/name@revision".
func ParseName(text string) (Name, error) {
	id, rev, given := strings.Cut(text, "@")
	if !given {
		rev = MainRevision
	}
	parts := strings.Split(id, "/")
	ok := len(parts) <= 2
	for _, p := range parts {
		ok = ok && idPart.MatchString(p) && !strings.Contains(p, "--") && !strings.Contains(p, "..") &&
			!strings.HasSuffix(p, ".") && !strings.HasSuffix(p, "-") && !strings.HasSuffix(p, ".git")
	}
	if !ok {
		return Name{}, fmt.Errorf("%q is no model's name on the hub: expected org/name or org/name@revision", text)
	}
	if !revision.MatchString(rev) || !filepath.IsLocal(rev) || strings.Contains(rev, "..") || strings.HasSuffix(rev, "/") {
		return Name{}, fmt.Errorf("%q: %q is no revision: expected a branch, a tag or a commit", text, rev)
	}
	return Name{ID: id, Revision: rev}, nil
}

// folder is the model's folder in a cache.
func (n Name) folder() string { return "models--" + strings.ReplaceAll(n.ID, "/", "--") }
