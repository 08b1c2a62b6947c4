// Command install-xla fetches the XLA CPU plugin with go-xla's own installer into a
// folder. scripts/fetch runs it as the usual source of the plugin.
//
//	go run ./scripts/install-xla -dir DIR [-timeout 15m]
//
// go-xla downloads the release archive without checking a hash and without a time-out.
// Both are added here: the archive must have the SHA-256 that the release itself
// publishes, connecting takes at most ten seconds, and the whole at most -timeout.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path"
	"runtime"
	"strings"
	"time"

	"github.com/gomlx/go-xla/installer"
)

// pluginVersion is the PJRT release that go-xla v0.4.3 is written for
// (DefaultCPUVersion in its internal/utils).
const pluginVersion = "v0.114.0"

const (
	connectTimeout = 10 * time.Second
	headerTimeout  = 30 * time.Second
	releaseURL     = "https://api.github.com/repos/" + installer.BinaryCPUReleasesRepo + "/releases/tags/" + pluginVersion
)

func main() {
	dir := flag.String("dir", "", "folder to install the plugin into (required)")
	timeout := flag.Duration("timeout", 15*time.Minute, "time for the whole download")
	flag.Parse()
	if *dir == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := install(*dir, *timeout); err != nil {
		fmt.Fprintln(os.Stderr, "install-xla:", err)
		os.Exit(1)
	}
}

// install puts pjrt_c_api_cpu_<version>_plugin.so into dir. The archive is downloaded
// and checked first; CPUInstall then finds it in go-xla's download cache and unpacks it.
func install(dir string, timeout time.Duration) error {
	// The installer uses http.DefaultClient and takes no context, so the limits go there.
	http.DefaultClient.Timeout = timeout
	http.DefaultTransport = &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: connectTimeout}).DialContext,
		TLSHandshakeTimeout:   connectTimeout,
		ResponseHeaderTimeout: headerTimeout,
		ForceAttemptHTTP2:     true,
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()

	asset := fmt.Sprintf("pjrt_cpu_%s_%s.tar.gz", runtime.GOOS, runtime.GOARCH)
	body, err := get(ctx, releaseURL)
	if err != nil {
		return fmt.Errorf("reading release %s of %s: %w", pluginVersion, installer.BinaryCPUReleasesRepo, err)
	}
	url, digest, err := findAsset(body, asset)
	if err != nil {
		return err
	}
	// The file name is the one under which CPUInstall looks in the cache.
	cached := pluginVersion + "_" + path.Base(url)
	if _, _, err := installer.DownloadURLToTemp(url, cached, digest, true, installer.Quiet); err != nil {
		return err
	}
	platform := runtime.GOOS + "_" + runtime.GOARCH
	return installer.CPUInstall(platform, pluginVersion, dir, true, installer.Quiet)
}

// get returns the body of url, or an error that tells the status.
func get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/vnd.github+json")
	if token := os.Getenv("GH_TOKEN"); token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, response.Status)
	}
	return body, nil
}

// findAsset returns the address and the hexadecimal SHA-256 of the asset with that name
// in a release as the GitHub API describes it.
func findAsset(release []byte, name string) (url, digest string, err error) {
	var parsed struct {
		Assets []struct {
			Name   string `json:"name"`
			URL    string `json:"browser_download_url"`
			Digest string `json:"digest"`
		} `json:"assets"`
	}
	if err := json.Unmarshal(release, &parsed); err != nil {
		return "", "", fmt.Errorf("release %s: not the expected JSON: %w", pluginVersion, err)
	}
	var names []string
	for _, asset := range parsed.Assets {
		names = append(names, asset.Name)
		if asset.Name != name {
			continue
		}
		digest, found := strings.CutPrefix(asset.Digest, "sha256:")
		if !found {
			return "", "", fmt.Errorf("release %s: asset %s has digest %q, want sha256:…; not installing what cannot be checked",
				pluginVersion, name, asset.Digest)
		}
		return asset.URL, digest, nil
	}
	return "", "", fmt.Errorf("release %s has no asset %s for this platform (it has %s)", pluginVersion, name, strings.Join(names, ", "))
}
