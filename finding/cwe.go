package finding

import (
	"regexp"
	"strings"
)

// cweText finds a CWE however a tool spells it: "CWE-79", "external/cwe/cwe-079",
// "CWE79: …", "https://cwe.mitre.org/data/definitions/79.html".
var cweText = regexp.MustCompile(`(?i)(?:\bcwe[-_ :]{0,2}|cwe\.mitre\.org/data/definitions/)0*([1-9][0-9]{0,4})\b`)

// findCWE returns the first CWE that any of the texts names, as "CWE-79", or "".
func findCWE(texts ...string) string {
	for _, text := range texts {
		if !mentionsCWE(text) {
			continue // most texts, which may be long
		}
		if m := cweText.FindStringSubmatch(text); m != nil {
			return "CWE-" + m[1]
		}
	}
	return ""
}

// mentionsCWE says whether a text has the three letters.
func mentionsCWE(text string) bool {
	for i := 0; i < len(text); i++ {
		next := strings.IndexAny(text[i:], "wW")
		if next < 0 {
			return false
		}
		if i += next; i > 0 && i+1 < len(text) && text[i-1]|0x20 == 'c' && text[i+1]|0x20 == 'e' {
			return true
		}
	}
	return false
}

// canonicalCWE spells a field that is meant to be a CWE: "79" is one there.
func canonicalCWE(text string) string {
	if found := findCWE(text); found != "" {
		return found
	}
	bare := strings.TrimLeft(strings.TrimSpace(text), "0")
	if found := findCWE("CWE-" + bare); found == "CWE-"+bare {
		return found
	}
	return text
}
