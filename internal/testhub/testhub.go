// Package testhub is a local server that behaves like the Hugging Face hub, and errs as it does, for tests.
package testhub

import (
	"crypto/sha1" //nolint:gosec // Git names its blobs so
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Commit is where the branch main and the tag v1 of every model are.
const Commit = "0123456789abcdef0123456789abcdef01234567"

// Hub serves models. Set its fields before the first request, or under Lock.
type Hub struct {
	sync.Mutex
	Models map[string]map[string][]byte // by name, by file
	Large  int                          // files of so many bytes are LFS files, on another host
	Token  string                       // where set, what requests must carry
	Extra  []string                     // files that are listed besides
	// Fail may answer a request in the hub's stead, the n-th of its path (from 1) on either host; it returns true then.
	Fail func(n int, w http.ResponseWriter, r *http.Request) bool
	// Cut ends the connection after so many bytes of an answer with a large file, unless 0.
	Cut         int
	IgnoreRange bool          // answers with whole files
	Wrong       bool          // large files come with a byte changed
	Pause       time.Duration // before the second half of a large file

	Requests []string // "METHOD PATH RANGE", of both hosts
	Leaked   bool     // the other host was sent a token
	URL      string
	counts   map[string]int
	hub, cdn *httptest.Server
}

// Start serves on two addresses of this machine.
func Start() *Hub {
	h := &Hub{Models: map[string]map[string][]byte{}, Large: 1000, counts: map[string]int{}}
	h.hub = httptest.NewServer(h.counting(h.serve))
	h.cdn = httptest.NewServer(h.counting(h.serveLarge))
	h.URL = h.hub.URL
	return h
}

// Close ends the servers.
func (h *Hub) Close() {
	h.hub.CloseClientConnections()
	h.cdn.CloseClientConnections()
	h.hub.Close()
	h.cdn.Close()
}

// AddFolder serves the files of a folder as a model.
func (h *Hub) AddFolder(name, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	files := map[string][]byte{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		files[e.Name()] = data
	}
	h.Lock()
	h.Models[name] = files
	h.Unlock()
	return nil
}

// Got lists the requests so far that begin so.
func (h *Hub) Got(prefix string) []string {
	h.Lock()
	defer h.Unlock()
	var list []string
	for _, r := range h.Requests {
		if strings.HasPrefix(r, prefix) {
			list = append(list, r)
		}
	}
	return list
}

func (h *Hub) counting(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h.Lock()
		h.Requests = append(h.Requests, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+r.Header.Get("Range")))
		key := r.Method + " " + r.URL.Path
		h.counts[key]++
		n, fail := h.counts[key], h.Fail
		h.Unlock()
		if fail != nil && fail(n, w, r) {
			return
		}
		next(w, r)
	}
}

// refuse answers as the hub does.
func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("X-Error-Code", code)
	w.Header().Set("X-Error-Message", message)
	http.Error(w, fmt.Sprintf(`{"error":%q}`, message), status)
}

// serve is the hub itself: /api/models/NAME/revision/REV and /NAME/resolve/COMMIT/FILE.
func (h *Hub) serve(w http.ResponseWriter, r *http.Request) {
	if h.Token != "" && r.Header.Get("Authorization") != "Bearer "+h.Token {
		refuse(w, http.StatusUnauthorized, "GatedRepo", "Access to this model is restricted.")
		return
	}
	if rest, ok := strings.CutPrefix(r.URL.Path, "/api/models/"); ok {
		name, revision, _ := strings.Cut(rest, "/revision/")
		h.list(w, name, revision)
		return
	}
	name, rest, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/resolve/")
	revision, file, ok2 := strings.Cut(rest, "/")
	data, there := h.Models[name][file]
	if !ok || !ok2 || !there || revision != Commit {
		refuse(w, http.StatusNotFound, "EntryNotFound", "Entry not found")
		return
	}
	w.Header().Set("X-Repo-Commit", Commit)
	if len(data) < h.Large {
		w.Header().Set("Etag", strconv.Quote(gitHash(data)))
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		if r.Method == http.MethodGet {
			_, _ = w.Write(data) // as any server: the client may have gone
		}
		return
	}
	w.Header().Set("X-Linked-Etag", strconv.Quote(sha(data)))
	w.Header().Set("X-Linked-Size", strconv.Itoa(len(data)))
	w.Header().Set("Etag", `"of-the-pointer"`)
	http.Redirect(w, r, h.cdn.URL+"/"+name+"/"+file, http.StatusFound)
}

func (h *Hub) list(w http.ResponseWriter, name, revision string) {
	files, ok := h.Models[name]
	if !ok {
		refuse(w, http.StatusNotFound, "RepoNotFound", "Repository not found")
		return
	}
	if !slices.Contains([]string{"main", "v1", Commit}, revision) {
		refuse(w, http.StatusNotFound, "RevisionNotFound", "Invalid rev id: "+revision)
		return
	}
	var siblings []map[string]any
	for file, data := range files {
		s := map[string]any{"rfilename": file, "size": len(data), "blobId": gitHash(data)}
		if len(data) >= h.Large {
			s["lfs"] = map[string]any{"sha256": sha(data), "size": len(data), "pointerSize": 134}
		}
		siblings = append(siblings, s)
	}
	for _, file := range h.Extra {
		siblings = append(siblings, map[string]any{"rfilename": file})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"id": name, "sha": Commit, "siblings": siblings})
}

// serveLarge is the host with the large files.
func (h *Hub) serveLarge(w http.ResponseWriter, r *http.Request) {
	h.Lock()
	h.Leaked = h.Leaked || r.Header.Get("Authorization") != ""
	cut, ignore, wrong, pause := h.Cut, h.IgnoreRange, h.Wrong, h.Pause
	h.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/")
	at := strings.LastIndexByte(path, '/')
	data, ok := h.Models[path[:at]][path[at+1:]]
	if !ok {
		http.NotFound(w, r)
		return
	}
	if wrong {
		data = slices.Clone(data)
		data[len(data)/2] ^= 1
	}
	from := 0
	if text, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok && !ignore {
		from, _ = strconv.Atoi(strings.TrimSuffix(text, "-"))
		if from >= len(data) {
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			return
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(data)-1, len(data)))
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(data)-from))
	if from > 0 {
		w.WriteHeader(http.StatusPartialContent)
	}
	send := data[from:]
	if cut > 0 && cut < len(send) {
		_, _ = w.Write(send[:cut])
		panic(http.ErrAbortHandler) // net/http's way to cut a connection
	}
	if pause > 0 {
		_, _ = w.Write(send[:len(send)/2])
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-time.After(pause):
		}
		send = send[len(send)/2:]
	}
	_, _ = w.Write(send)
}

func sha(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func gitHash(data []byte) string {
	sum := sha1.Sum(append(fmt.Appendf(nil, "blob %d\x00", len(data)), data...)) //nolint:gosec // as above
	return hex.EncodeToString(sum[:])
}
