// Package backend chooses what Janus computes on.
package backend

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend" // registers "go"
	"github.com/gomlx/go-xla/compute/xla"
)

// EnvBackend is GoMLX's own variable, such as "xla:/path/plugin.so", "xla:cuda" or "go".
const EnvBackend = compute.ConfigEnvVar

// EnvCache names the folder that `make` fetches into (default: .cache beside the source, else the user's cache folder).
const EnvCache = "JANUS_CACHE"

// PluginFile is the XLA CPU plugin's name under the cache's folder "xla".
const PluginFile = "pjrt_c_api_cpu_plugin.so"

// ynnFlag turns off an XLA CPU fusion that made batched decoding slower; docs/design.md has the figures.
const ynnFlag = "--xla_cpu_experimental_ynn_fusion_type="

// Choice is a backend and how it was found.
type Choice struct {
	compute.Backend
	// Note is one line to print where the choice is not what a user would hope for; else empty.
	Note string
}

// IsCPU tells whether the backend computes on the host's processor: weights are then float32 (bfloat16 is slower there).
func (c Choice) IsCPU() bool {
	if b, ok := c.Backend.(*xla.Backend); ok {
		return b.IsCPU()
	}
	return true
}

// IsXLA tells whether the backend is XLA through PJRT.
func (c Choice) IsXLA() bool { return c.Name() == xla.BackendName }

// New opens a backend: the one asked for (GoMLX's spelling), else $GOMLX_BACKEND, else CUDA where a GPU is there, else
// XLA on the CPU, else GoMLX's pure-Go backend with a note. A backend that was asked for and does not open is an error.
func New(asked string) (Choice, error) {
	xla.EnableAutoInstall(false) // go-xla would try to download its plugins; Janus only takes what is there
	if asked == "" {
		asked = os.Getenv(EnvBackend)
	}
	if asked == "xla" || asked == "xla:cpu" {
		if plugin := findPlugin(); plugin != "" {
			asked = "xla:" + plugin
		}
	}
	if asked != "" {
		b, err := open(asked)
		if err != nil {
			return Choice{}, fmt.Errorf("backend %q does not open: %w\n(known: \"go\", \"xla:cuda\", \"xla:PLUGIN.so\"; leave it out to let Janus choose)", asked, firstLine(err))
		}
		return Choice{Backend: b}, nil
	}
	if hasGPU() {
		if b, err := open("xla:cuda"); err == nil {
			return Choice{Backend: b}, nil
		}
	}
	plugin := findPlugin()
	reason := "the XLA CPU plugin is not there; run `make fetch` to get it"
	if plugin != "" {
		b, err := open("xla:" + plugin)
		if err == nil {
			return Choice{Backend: b}, nil
		}
		reason = fmt.Sprintf("the XLA plugin %s does not open: %v", plugin, firstLine(err))
	}
	b, err := open("go")
	if err != nil {
		return Choice{}, fmt.Errorf("GoMLX's pure-Go backend does not open: %w", err)
	}
	return Choice{Backend: b, Note: "computing in pure Go, several times slower than XLA: " + reason}, nil
}

func open(config string) (b compute.Backend, err error) {
	if config == "go" {
		// With operations in parallel the pure-Go backend (compute v0.1.4) can hang; each product is still parallel.
		config = "go:ops_sequential"
	}
	if strings.HasPrefix(config, "xla:") && strings.Contains(strings.ToLower(filepath.Base(config)), "cpu") {
		setXLAFlags()
	}
	if isCUDA(config) && !strings.Contains(config, "tf32") {
		// go-xla turns TF32 on, whose 10 bits of mantissa heads and float32 models do not survive unharmed. ",tf32" asks for it.
		config += ",notf32"
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	return compute.NewWithConfig(config)
}

// Expected names what New would open, without opening it: what is computed by one name is computed alike. A plugin counts by
// its file's name and size.
func Expected(asked string) string {
	if asked == "" {
		asked = os.Getenv(EnvBackend)
	}
	plugin := findPlugin()
	switch {
	case asked == "" && hasGPU():
		return "xla:cuda"
	case asked == "" && plugin == "":
		return "go"
	case asked == "" || plugin != "" && (asked == "xla" || asked == "xla:cpu"):
		asked = "xla:" + plugin
	}
	if path, ok := strings.CutPrefix(asked, "xla:"); ok && strings.ContainsRune(path, filepath.Separator) {
		path, options, _ := strings.Cut(path, ",")
		asked = "xla:" + filepath.Base(path) + "," + options
		if info, err := os.Stat(path); err == nil {
			asked += fmt.Sprintf(" (%d bytes)", info.Size())
		}
	}
	return asked
}

// UserCache is the folder for what Janus keeps for the user: $JANUS_CACHE, else janus in the user's cache folder.
func UserCache() (string, error) {
	if dir := os.Getenv(EnvCache); dir != "" {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "janus"), nil
}

func isCUDA(config string) bool {
	return strings.HasPrefix(config, "xla:") && strings.Contains(strings.ToLower(filepath.Base(config)), "cuda")
}

// firstLine drops the stack traces that GoMLX's errors print.
func firstLine(err error) error {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return fmt.Errorf("%s", line)
}

// setXLAFlags adds Janus's flags to XLA_FLAGS, unless the user set the flag himself. XLA reads it when the
// CPU plugin loads; plugins that do not know a flag abort.
func setXLAFlags() {
	flags := os.Getenv("XLA_FLAGS")
	if strings.Contains(flags, ynnFlag) {
		return
	}
	// Setenv fails only for names that hold '=' or NUL.
	_ = os.Setenv("XLA_FLAGS", strings.TrimSpace(flags+" "+ynnFlag))
}

func hasGPU() bool {
	for _, path := range []string{"/dev/nvidia0", "/dev/nvidiactl"} {
		if _, err := os.Stat(path); err == nil {
			return true
		}
	}
	return false
}

// findPlugin looks where `make fetch` and go-xla's installer put the CPU plugin.
func findPlugin() string {
	candidates := []string{}
	for _, dir := range CacheDirs() {
		candidates = append(candidates, filepath.Join(dir, "xla", PluginFile))
	}
	if home, err := os.UserHomeDir(); err == nil {
		found, _ := filepath.Glob(filepath.Join(home, ".local/lib/go-xla/pjrt_c_api_cpu_*plugin.so"))
		candidates = append(candidates, found...)
	}
	found, _ := filepath.Glob("/usr/local/lib/go-xla/pjrt_c_api_cpu_*plugin.so")
	for _, path := range append(candidates, found...) {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return ""
}

// CacheDirs lists the folders that may hold what `make` fetched, in the order in which they are searched: $JANUS_CACHE;
// .cache beside bin/, in the working folder's repository; the user's cache folder.
func CacheDirs() []string {
	if dir := os.Getenv(EnvCache); dir != "" {
		return []string{dir}
	}
	dirs := []string{}
	if exe, err := os.Executable(); err == nil {
		if exe, err = filepath.EvalSymlinks(exe); err == nil {
			dirs = append(dirs, filepath.Join(filepath.Dir(filepath.Dir(exe)), ".cache"))
		}
	}
	if dir := sourceCache(); dir != "" {
		dirs = append(dirs, dir)
	}
	if dir, err := os.UserCacheDir(); err == nil {
		dirs = append(dirs, filepath.Join(dir, "janus"))
	}
	return dirs
}

// sourceCache is .cache at the top of the Janus checkout that the working folder is in: where `go test` runs.
func sourceCache() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	for {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil {
			if strings.HasPrefix(string(mod), "module github.com/januslm/janus") {
				return filepath.Join(dir, ".cache")
			}
			return ""
		}
		parent := filepath.Dir(dir)
		if parent == dir || runtime.GOOS == "windows" && len(parent) <= 3 {
			return ""
		}
		dir = parent
	}
}
