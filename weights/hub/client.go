package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// DefaultEndpoint is the hub where $HF_ENDPOINT names no other.
const DefaultEndpoint = "https://huggingface.co"

// Client fetches models. The zero value is not of use: see [New].
type Client struct {
	Endpoint string // without a slash at the end
	Token    string // sent to the endpoint's host only, and never printed
	Cache    string // see [CacheDir]
	// Timeout is how long the server may take for an answer, and how long a download may stand still.
	Timeout time.Duration
	// Attempts is how often a request is made that fails in a way that may pass, and Backoff the pause after the first,
	// which doubles. Attempts that brought bytes do not count.
	Attempts int
	Backoff  time.Duration
	// Progress is called with bytes fetched and to fetch; it may be nil.
	Progress func(done, total int64)
	// Note is called with what people should know, such as a retry; it may be nil.
	Note func(text string)

	http *http.Client
}

// New makes a client of the environment's settings.
func New() (*Client, error) {
	cache, err := CacheDir()
	if err != nil {
		return nil, err
	}
	c := &Client{Endpoint: DefaultEndpoint, Token: Token(), Cache: cache, Timeout: 30 * time.Second, Attempts: 5, Backoff: time.Second}
	if e := os.Getenv("HF_ENDPOINT"); e != "" {
		c.Endpoint = strings.TrimRight(e, "/")
	}
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("HF_ENDPOINT: expected an http or https address, found %q", c.Endpoint)
	}
	if text := os.Getenv("HF_HUB_DOWNLOAD_TIMEOUT"); text != "" {
		seconds, err := strconv.ParseFloat(text, 64)
		if err != nil || !(seconds > 0 && seconds < 1e6) {
			return nil, fmt.Errorf("HF_HUB_DOWNLOAD_TIMEOUT: expected seconds, found %q", text)
		}
		c.Timeout = time.Duration(seconds * float64(time.Second))
	}
	return c, nil
}

// client is the HTTP client, made on first use.
func (c *Client) client() *http.Client {
	if c.http == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.DialContext = (&net.Dialer{Timeout: c.Timeout}).DialContext
		transport.TLSHandshakeTimeout = c.Timeout
		transport.ResponseHeaderTimeout = c.Timeout
		c.http = &http.Client{Transport: transport, CheckRedirect: c.redirect}
	}
	return c.http
}

// redirect follows to other hosts (large files lie on a content network, by a signed address), but without the token, which
// Go itself would pass on to subdomains and other ports.
func (c *Client) redirect(r *http.Request, via []*http.Request) error {
	first := via[0]
	if len(via) > 10 {
		return errors.New("more than 10 redirects")
	}
	if first.URL.Scheme == "https" && r.URL.Scheme != "https" {
		return fmt.Errorf("redirected from https to %s: refused", r.URL.Scheme)
	}
	if r.URL.Host == first.URL.Host {
		return nil
	}
	if r.Method == http.MethodHead { // the headers that describe a file are on the first answer
		return http.ErrUseLastResponse
	}
	r.Header.Del("Authorization")
	return nil
}

// request makes a request once. The caller closes the body.
func (c *Client) request(ctx context.Context, method, address string, from int64) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "janus")
	r.Header.Set("Accept-Encoding", "identity") // sizes and ranges are of the file itself
	if c.Token != "" && (r.URL.Scheme == "https" || loopback(r.URL.Hostname())) {
		r.Header.Set("Authorization", "Bearer "+c.Token)
	}
	if from > 0 {
		r.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
	}
	return c.client().Do(r)
}

// loopback tells whether a host is this machine: a token may go there unencrypted.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// passing is an error that may be gone the next time; after says when the server wants to be asked again.
type passing struct {
	err   error
	after time.Duration
}

func (p *passing) Error() string { return p.err.Error() }
func (p *passing) Unwrap() error { return p.err }

// maxWait is the longest pause that a server can ask for.
const maxWait = time.Minute

// retry does something until it works, fails for good, or has been tried often enough. do tells whether it got further.
func (c *Client) retry(ctx context.Context, what string, do func() (further bool, err error)) error {
	pause := c.Backoff
	for attempt := 1; ; attempt++ {
		further, err := do()
		if further {
			attempt, pause = 0, c.Backoff
		}
		var p *passing
		if err == nil || !errors.As(err, &p) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if attempt >= c.Attempts {
			return fmt.Errorf("%w (gave up after %d attempts; what was fetched is kept, run the command again to go on)", err, attempt)
		}
		wait := min(max(pause, p.after), maxWait)
		if c.Note != nil {
			c.Note(fmt.Sprintf("%s: %v; trying again in %s", what, err, wait))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		pause *= 2
	}
}

// network wraps an error of the connection. An address may hold a signature, so only the host is shown.
func (c *Client) network(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(context.Cause(ctx), context.Canceled) {
		return ctx.Err()
	}
	host := c.Endpoint
	var u *url.Error
	if errors.As(err, &u) {
		if parsed, parseErr := url.Parse(u.URL); parseErr == nil {
			host = parsed.Host
		}
		err = u.Err
		if u.Timeout() {
			err = fmt.Errorf("no answer within %s (HF_HUB_DOWNLOAD_TIMEOUT sets it)", c.Timeout)
		}
	}
	return &passing{err: fmt.Errorf("%s: %w", host, err)}
}

// status makes an error of an answer that is not the wanted one.
func (c *Client) status(name Name, what string, resp *http.Response) error {
	page := c.Endpoint + "/" + name.ID
	code := resp.Header.Get("X-Error-Code")
	switch {
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusRequestTimeout || resp.StatusCode >= 500:
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After")) // 0 where it is absent, or a date
		return &passing{fmt.Errorf("%s: the server answers %s", what, resp.Status), time.Duration(max(0, seconds)) * time.Second}
	case code == "GatedRepo":
		return fmt.Errorf("%s is gated (%s): accept its terms at %s, then set HF_TOKEN to a token of that account", name.ID, resp.Status, page)
	case code == "RevisionNotFound":
		return fmt.Errorf("%s has no revision %q (branches and tags are at %s)", name.ID, name.Revision, page)
	case code == "EntryNotFound":
		return fmt.Errorf("%s is not in %s", what, name)
	case resp.StatusCode == http.StatusUnauthorized:
		return fmt.Errorf("there is no model %s at %s, or it is private or gated (%s): check the name, and set HF_TOKEN to a token that may read it",
			name.ID, c.Endpoint, resp.Status)
	case resp.StatusCode == http.StatusForbidden:
		return fmt.Errorf("the token may not read %s (%s): ask for access at %s", name.ID, resp.Status, page)
	case resp.StatusCode == http.StatusNotFound:
		return fmt.Errorf("there is no %s at %s (%s): check the name and the revision %q", name.ID, c.Endpoint, resp.Status, name.Revision)
	}
	return fmt.Errorf("%s: expected the file, the server answers %s", what, resp.Status)
}

// listing is what the hub says of a model at a revision.
type listing struct {
	Commit string `json:"sha"`
	Files  []struct {
		Name string `json:"rfilename"`
		LFS  *struct {
			SHA256 string `json:"sha256"`
		} `json:"lfs"`
	} `json:"siblings"`
}

// maxListing bounds the hub's answer; the largest repositories' have a few MB.
const maxListing = 64 << 20

// list asks for a model's files and pins its revision to a commit.
func (c *Client) list(ctx context.Context, name Name) (*listing, error) {
	address := c.Endpoint + "/api/models/" + name.ID + "/revision/" + url.PathEscape(name.Revision) + "?blobs=true"
	var l *listing
	err := c.retry(ctx, name.ID, func() (bool, error) {
		resp, err := c.request(ctx, http.MethodGet, address, 0)
		if err != nil {
			return false, c.network(ctx, err)
		}
		defer resp.Body.Close() //nolint:errcheck // only read
		if resp.StatusCode != http.StatusOK {
			return false, c.status(name, "the list of files", resp)
		}
		body, err := io.ReadAll(io.LimitReader(&watched{r: resp.Body, c: c}, maxListing))
		if err != nil {
			return false, c.network(ctx, err)
		}
		l = &listing{}
		if err := json.Unmarshal(body, l); err != nil {
			return false, fmt.Errorf("%s: the list of files is not valid JSON (is HF_ENDPOINT a hub?): %w", c.Endpoint, err)
		}
		if !commit.MatchString(l.Commit) {
			return false, fmt.Errorf("%s: expected a commit of 40 hexadecimal digits, found %.60q (is HF_ENDPOINT a hub?)", c.Endpoint, l.Commit)
		}
		return false, nil
	})
	return l, err
}
