package finding

import "strings"

// cwe finds the weakness that a result is classified under: the result's own
// taxa and tags first, then the rule's, then what its texts and links mention.
func (run *sarifRun) cwe(result rawObject, rule sarifRule) string {
	for _, taxon := range result.get("taxa").elems() {
		if id := run.taxonID(taxon); id != "" {
			return id
		}
	}
	if id := tagCWE(result.get("properties")); id != "" {
		return id
	}
	if len(rule.object) == 0 {
		return findCWE(rule.id)
	}
	key := rule.object[0].keyStart // where the rule stands: its ids need not be unique
	id, known := run.ruleCWEs[key]
	if !known {
		id = run.ruleCWE(rule)
		run.ruleCWEs[key] = id
	}
	return id
}

func (run *sarifRun) ruleCWE(rule sarifRule) string {
	for _, relation := range rule.object.get("relationships").elems() {
		if id := run.taxonID(relation.get("target")); id != "" {
			return id
		}
	}
	if id := tagCWE(rule.properties()); id != "" {
		return id
	}
	return findCWE(rule.id, rule.object.get("name").str(), rule.object.get("helpUri").str(), rule.title(),
		rule.object.get("fullDescription").get("text").str())
}

// tagCWE looks in a property bag's tags, and in its keys that speak of CWEs.
func tagCWE(properties rawValue) string {
	for _, m := range properties.members() {
		key := strings.ToLower(m.key)
		if key != "tags" && !strings.Contains(key, "cwe") {
			continue
		}
		for _, v := range append(m.value.elems(), m.value) {
			text := v.text()
			if key != "tags" {
				text = canonicalCWE(text)
			}
			if id := findCWE(text); id != "" {
				return id
			}
		}
	}
	return ""
}

// taxonID reads a reference to a taxon of the CWE taxonomy, by id or by index.
func (run *sarifRun) taxonID(reference rawValue) string {
	component := reference.get("toolComponent")
	name, id := component.get("name").str(), reference.get("id").str()
	if taxonomy, ok := run.taxonomy(component); ok {
		if name == "" {
			name = taxonomy.name
		}
		if i, ok := reference.get("index").num(); ok && id == "" && i >= 0 && i < len(taxonomy.taxa) {
			id = taxonomy.taxa[i].get("id").str()
		}
	}
	if strings.EqualFold(name, "CWE") {
		id = canonicalCWE(id)
	}
	return findCWE(id)
}

// sarifTaxonomy is a classification that results and rules refer to, §3.19.3.
type sarifTaxonomy struct {
	name, guid string
	taxa       []rawValue
}

// taxonomy resolves a reference to one of the run's taxonomies, by index or by guid.
// They are listed once: the CWE's has a thousand taxa, and every result may refer to it.
func (run *sarifRun) taxonomy(component rawValue) (sarifTaxonomy, bool) {
	if run.taxonomies == nil {
		run.taxonomies = []sarifTaxonomy{}
		for _, v := range run.object.get("taxonomies").elems() {
			o := v.object()
			run.taxonomies = append(run.taxonomies, sarifTaxonomy{o.get("name").str(), o.get("guid").str(), o.get("taxa").elems()})
		}
	}
	if i, ok := component.get("index").num(); ok && i >= 0 && i < len(run.taxonomies) {
		return run.taxonomies[i], true
	}
	if guid := component.get("guid").str(); guid != "" {
		for _, t := range run.taxonomies {
			if strings.EqualFold(t.guid, guid) {
				return t, true
			}
		}
	}
	return sarifTaxonomy{}, false
}
