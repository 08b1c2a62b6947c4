package lora

import "fmt"

// Rename gives the adapter's modules and replaced tensors other names: those by which a family lists its tensors, so that an
// adapter fits whichever way the base was saved. rename takes and gives names of tensors, and "" for those that are not
// the model's.
func (a *Adapter) Rename(rename func(tensor string) string) error {
	const suffix = ".weight"
	modules := make(map[string]*Module, len(a.modules))
	for _, name := range a.Modules() {
		to := rename(name + suffix)
		if len(to) > len(suffix) {
			to = to[:len(to)-len(suffix)]
		} else {
			to = name // Check names it
		}
		if modules[to] != nil {
			return fmt.Errorf("adapter %s: modules %s and %s are the same one of the model", a.Name, modules[to].Name, name)
		}
		m := *a.modules[name]
		m.Name = to
		modules[to] = &m
	}
	replaced := make(map[string]Values, len(a.replaced))
	for _, name := range a.Replaced() {
		to := rename(name)
		if to == "" {
			to = name
		}
		replaced[to] = a.replaced[name]
	}
	a.modules, a.replaced = modules, replaced
	return nil
}
