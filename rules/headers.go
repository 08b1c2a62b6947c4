package rules

import (
	"fmt"
	"regexp"
	"strings"
)

// categoryHeaders is the study's category of header problems.
const categoryHeaders = "HTTP_HEADERS"

// headerRules are the policy: HSTS and CSP are required and must be proper, Cache-Control matters for sensitive data only,
// no header names a version, other origins are not let in. Any other header is optional, and never a candidate.
var headerRules = []rule{
	{"headers/hsts-missing", "CWE-319", "warning", "Strict-Transport-Security is missing", categoryHeaders, hstsMissing},
	{"headers/hsts-weak", "CWE-319", "warning", "Strict-Transport-Security does not protect", categoryHeaders, hstsWeak},
	{"headers/csp-missing", "CWE-693", "warning", "Content-Security-Policy is missing", categoryHeaders, cspMissing},
	{"headers/csp-no-script-src", "CWE-693", "warning", "Content-Security-Policy does not restrict scripts", categoryHeaders, cspNoScriptSrc},
	{"headers/csp-unsafe-inline", "CWE-693", "warning", "Content-Security-Policy allows inline scripts", categoryHeaders, cspUnsafeInline},
	{"headers/csp-unsafe-eval", "CWE-693", "warning", "Content-Security-Policy allows eval", categoryHeaders, cspUnsafeEval},
	{"headers/csp-wildcard", "CWE-693", "warning", "Content-Security-Policy allows scripts of any host", categoryHeaders, cspWildcard},
	{"headers/cache-control-missing", "CWE-525", "warning", "Sensitive response without Cache-Control", categoryHeaders, cacheMissing},
	{"headers/cache-control-weak", "CWE-525", "warning", "Sensitive response may be stored by caches", categoryHeaders, cacheWeak},
	{"headers/server-version", "CWE-497", "note", "Server names a version", categoryHeaders, versionIn("Server")},
	{"headers/x-powered-by-version", "CWE-497", "note", "X-Powered-By names a version", categoryHeaders, versionIn("X-Powered-By")},
	{"headers/x-aspnet-version", "CWE-497", "note", "X-AspNet-Version names a version", categoryHeaders, versionIn("X-AspNet-Version", "X-AspNetMvc-Version")},
	{"headers/cors-wildcard", "CWE-942", "error", "Sensitive response may be read by any origin", categoryHeaders, corsWildcard},
	{"headers/cors-reflected", "CWE-942", "error", "The request's origin is allowed to read the response", categoryHeaders, corsReflected},
	{"headers/cors-null", "CWE-942", "warning", "The origin null is allowed to read the response", categoryHeaders, corsNull},
}

// versionText is a version: behind a slash (nginx/1.18.0, Microsoft-IIS/8), or a number of at least two parts
// (Jetty(9.4.31), 4.0.30319). The letters behind "/7" of EdgeCast's "ECS (dcb/7F83)" make it none.
var versionText = regexp.MustCompile(`(?i)[a-z0-9]/v?\d+(\.\d+)*([-_.+~][\w.+~-]*)?(?:[\s;,()]|$)|\bv?\d+\.\d+`)

// versionIn finds a version in some headers. The product's name alone tells an attacker little that the behaviour of the
// server does not.
func versionIn(names ...string) func(*exchange) string {
	return func(x *exchange) string {
		for _, name := range names {
			for _, f := range x.response.all(name) {
				if version := versionText.FindString(f.value); version != "" {
					return fmt.Sprintf("The response names the version of what runs on the server, which lets an attacker look up its known weaknesses: %q.", f)
				}
			}
		}
		return ""
	}
}

// directives splits a header's value at a separator, and each directive into its name, in lower case, and value.
func directives(value, separator string) (list [][2]string) {
	for part := range strings.SplitSeq(value, separator) {
		name, v, _ := strings.Cut(strings.TrimSpace(part), "=")
		if name = strings.ToLower(strings.TrimSpace(name)); name != "" {
			list = append(list, [2]string{name, strings.Trim(strings.TrimSpace(v), `"`)})
		}
	}
	return list
}
