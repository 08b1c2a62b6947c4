package lora

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/januslm/janus/internal/nearest"
)

// allLinear is PEFT's word for every projection of the layers.
const allLinear = "all-linear"

// matcher tells whether target_modules, layers_to_transform and layers_pattern choose a module, as PEFT's
// check_target_module_exists does (peft/tuners/tuners_utils.py). It is nil where that cannot be told: without
// target_modules PEFT goes by the architecture, and not every Python regular expression is one in Go.
func (c *Config) matcher() func(module string) bool {
	t := c.TargetModules
	switch {
	case t.Pattern == allLinear, slices.Equal(t.Names, []string{allLinear}):
		return nil
	case t.Pattern != "":
		re, err := regexp.Compile(`^(?:` + t.Pattern + `)$`)
		if err != nil {
			return nil
		}
		return re.MatchString
	case len(t.Names) == 0:
		return nil
	}
	inLayers := c.layerMatcher()
	return func(module string) bool {
		return slices.ContainsFunc(t.Names, func(name string) bool { return ends(module, name) }) && inLayers(module)
	}
}

// ends tells whether a module's last parts are the name's.
func ends(module, name string) bool { return module == name || strings.HasSuffix(module, "."+name) }

// layerMatcher is for layers_to_transform: the layer is the number behind the list's name.
func (c *Config) layerMatcher() func(module string) bool {
	if len(c.LayersToAdapt) == 0 {
		return func(string) bool { return true }
	}
	lists := []string{`[^.]*`}
	if len(c.LayersPattern) > 0 {
		lists = c.LayersPattern
	}
	return func(module string) bool {
		for _, list := range lists {
			re, err := regexp.Compile(`^.*\.` + list + `\.(\d+)\.`)
			if err != nil {
				return true
			}
			if found := re.FindStringSubmatch(module); found != nil {
				return slices.ContainsFunc(c.LayersToAdapt, func(layer int) bool { return fmt.Sprint(layer) == found[1] })
			}
		}
		return false
	}
}

// checkTargets refuses tensors for modules that the configuration does not choose: PEFT would leave them out, so the
// folder's two files do not belong together.
func (a *Adapter) checkTargets() error {
	chosen := a.Config.matcher()
	if chosen == nil {
		return nil
	}
	var extra []string
	for _, name := range a.Modules() {
		if !chosen(name) {
			extra = append(extra, name)
		}
	}
	if len(extra) == 0 {
		return nil
	}
	const most = 5
	more := ""
	if len(extra) > most {
		more = fmt.Sprintf(" and %d more", len(extra)-most)
	}
	return fmt.Errorf("has tensors for %s%s, which target_modules (%s) and layers_to_transform of %s do not choose: the two files do not belong together",
		strings.Join(extra[:min(most, len(extra))], ", "), more, a.Config.TargetModules, configFile)
}

func (t Targets) String() string {
	if t.Pattern != "" {
		return t.Pattern
	}
	return strings.Join(t.Names, ", ")
}

// Notes are what is odd about an adapter and no error: target modules for which the file has no tensors.
func (a *Adapter) Notes() []string {
	var notes []string
	for _, name := range a.Config.TargetModules.Names {
		if name == allLinear || slices.ContainsFunc(a.Modules(), func(m string) bool { return ends(m, name) }) {
			continue
		}
		notes = append(notes, fmt.Sprintf("target_modules names %s, but the file has no tensors for it", name))
	}
	return notes
}

// numbers are the layers in a module's name.
var numbers = regexp.MustCompile(`\d+`)

// Suggest adds to an error of [Adapter.Check] which modules of the base may be meant: for each kind of module that the base
// lacks, the one most like it. tensors are the base's, by name; those without a shape do not count.
func (a *Adapter) Suggest(err error, tensors map[string][]int) error {
	modules := map[string][]int{} // a kind, with N for the layer, to its shape
	for tensor, shape := range tensors {
		if name, ok := strings.CutSuffix(tensor, ".weight"); ok && len(shape) == 2 {
			modules[numbers.ReplaceAllString(name, "N")] = shape
		}
	}
	var hints []string
	for _, name := range a.Modules() {
		if _, there := tensors[name+".weight"]; there {
			continue
		}
		kind := numbers.ReplaceAllString(name, "N")
		if _, other := modules[kind]; other {
			continue // of a layer that the base does not have
		}
		m := a.modules[name]
		best, least := "", len(kind)*2/3
		for _, candidate := range slices.Sorted(maps.Keys(modules)) {
			distance := nearest.Distance(kind, candidate)
			if slices.Equal(modules[candidate], []int{m.Out, m.In}) {
				distance -= 2 // of the same shape
			}
			if distance < least {
				best, least = candidate, distance
			}
		}
		hint := fmt.Sprintf("%s: the base has no module like it", kind)
		if best != "" {
			hint = fmt.Sprintf("%s: the nearest in the base is %s", kind, best)
		}
		if !slices.Contains(hints, hint) {
			hints = append(hints, hint)
		}
	}
	if len(hints) == 0 {
		return err
	}
	return fmt.Errorf("%w\n(N is a layer) %s", err, strings.Join(hints, "\n(N is a layer) "))
}
