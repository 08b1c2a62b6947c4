package finding

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// vulnCategories are the study's categories of vulnerabilities, with the CWEs that belong to each.
var vulnCategories = []struct {
	name string
	cwes []int
}{
	{"HTTP_HEADERS", []int{525, 693, 942, 1021}},
	{"XSS", []int{79, 80, 81, 82, 83, 84, 85, 86, 87}},
	{"SQLI", []int{89, 564}},
	{"INFO", []int{200, 201, 203, 204, 209, 210, 211, 213, 215, 359, 497, 526, 530, 531, 532, 535, 536, 537, 538, 540, 541, 548, 550, 552, 598, 615}},
}

// headerNames are of headers that scanners have rules about.
var headerNames = regexp.MustCompile(`(?i)\b(?:hsts|csp|cors|strict[- ]?transport[- ]?security|content[- ]?security[- ]?policy|cache[- ]?control|` +
	`x[- ]frame[- ]options|x[- ]content[- ]type[- ]options|x[- ]powered[- ]by|x[- ]aspnet[- ]version|referrer[- ]policy|permissions[- ]policy|` +
	`access[- ]control[- ]allow[- ]origin|server header|http headers?|security headers?|missing headers?|"server" (?:http )?(?:response )?header)\b|"server" http response header`)

// VulnCategory is the study's category of what the finding claims: HTTP_HEADERS, XSS, SQLI or INFO, and "" for anything
// else. The report's own category counts where it is one of them; else a header that the rule is about, and the CWE.
func (f *Finding) VulnCategory() string {
	for _, c := range vulnCategories {
		if strings.EqualFold(f.Category, c.name) {
			return c.name
		}
	}
	if (f.Category == "http" || f.Request != "" || f.Response != "" || f.CWE == "") &&
		(headerNames.MatchString(f.Rule) || headerNames.MatchString(f.Title)) {
		return "HTTP_HEADERS"
	}
	number, err := strconv.Atoi(strings.TrimPrefix(f.CWE, "CWE-"))
	if err != nil {
		return ""
	}
	for _, c := range vulnCategories {
		if slices.Contains(c.cwes, number) {
			return c.name
		}
	}
	return ""
}
