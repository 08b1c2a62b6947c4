package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

const cspHeader = "Content-Security-Policy"

// policy is one Content-Security-Policy: its directives' sources, in lower case, by name.
type policy map[string][]string

// scripts are the sources that scripts are taken from; none where the policy does not restrict them (CSP Level 3, 6.8.3).
func (p policy) scripts() (sources []string, restricted bool) {
	for _, name := range []string{"script-src", "default-src"} {
		if sources, ok := p[name]; ok {
			return sources, true
		}
	}
	return nil, false
}

// metaPolicy finds <meta http-equiv="Content-Security-Policy" content="…">, with its attributes in either order.
var (
	metaTag     = regexp.MustCompile(`(?is)<meta\s[^>]*http-equiv\s*=\s*["']?content-security-policy["'\s/>][^>]*>?`)
	metaContent = regexp.MustCompile(`(?is)\scontent\s*=\s*(?:"([^"]*)"|'([^']*)')`)
)

// needsCSP tells whether the response is a page that a browser shows.
func needsCSP(x *exchange) bool {
	disposition := strings.ToLower(strings.TrimSpace(x.response.get("Content-Disposition")))
	return x.isHTML() && !x.isRedirect() && x.status != 204 && !strings.HasPrefix(disposition, "attachment") &&
		x.response.get("Content-Length") != "0"
}

// policies are the response's, each with the text that is quoted of it. A browser enforces all of them.
func policies(x *exchange) (list []policy, quoted string) {
	var texts []string
	for _, f := range x.response.all(cspHeader) {
		texts = append(texts, strings.Split(f.value, ",")...)
		quoted = f.String()
	}
	for _, tag := range metaTag.FindAllString(x.body, 8) {
		if m := metaContent.FindStringSubmatch(tag); m != nil {
			texts = append(texts, m[1]+m[2])
			if quoted == "" {
				quoted = field{cspHeader + " (in a meta element)", m[1] + m[2]}.String()
			}
		}
	}
	for _, text := range texts {
		p := policy{}
		for directive := range strings.SplitSeq(text, ";") {
			words := strings.Fields(strings.ToLower(directive))
			if len(words) == 0 {
				continue
			}
			if _, twice := p[words[0]]; !twice { // the first one counts
				p[words[0]] = words[1:]
			}
		}
		if len(p) > 0 {
			list = append(list, p)
		}
	}
	return list, quoted
}

func cspMissing(x *exchange) string {
	if !needsCSP(x) {
		return ""
	}
	if list, _ := policies(x); len(list) > 0 {
		return ""
	}
	message := "The page has no Content-Security-Policy: nothing stops a script that was injected into it."
	if reports := x.response.all(cspHeader + "-Report-Only"); len(reports) > 0 {
		message += fmt.Sprintf(" %q only reports.", reports[0])
	}
	return message
}

func cspNoScriptSrc(x *exchange) string {
	list, quoted := policies(x)
	if !needsCSP(x) || len(list) == 0 {
		return ""
	}
	for _, p := range list {
		if _, restricted := p.scripts(); restricted {
			return ""
		}
	}
	return fmt.Sprintf("%q has neither script-src nor default-src: scripts may come from anywhere.", quoted)
}

// cspAllows reports a policy whose sources of scripts are too wide: that is so where every policy allows it.
func cspAllows(x *exchange, what string, allows func(sources []string) bool) string {
	list, quoted := policies(x)
	if !needsCSP(x) {
		return ""
	}
	says := false
	for _, p := range list {
		sources, restricted := p.scripts()
		if restricted && !allows(sources) {
			return ""
		}
		says = says || restricted
	}
	if !says {
		return ""
	}
	return fmt.Sprintf("%q %s.", quoted, what)
}

// trusted tells whether scripts are named by nonce or hash: browsers then ignore 'unsafe-inline' (CSP Level 3, 6.7.3.2).
func trusted(sources []string) bool {
	return slices.ContainsFunc(sources, func(s string) bool {
		return strings.HasPrefix(s, "'nonce-") || strings.HasPrefix(s, "'sha256-") || strings.HasPrefix(s, "'sha384-") || strings.HasPrefix(s, "'sha512-")
	})
}

func cspUnsafeInline(x *exchange) string {
	return cspAllows(x, "allows 'unsafe-inline' scripts, and no nonce or hash turns that off: an injected script runs", func(sources []string) bool {
		return slices.Contains(sources, "'unsafe-inline'") && !trusted(sources) && !slices.Contains(sources, "'strict-dynamic'")
	})
}

func cspUnsafeEval(x *exchange) string {
	return cspAllows(x, "allows 'unsafe-eval': text that reaches eval runs as a script", func(sources []string) bool {
		return slices.Contains(sources, "'unsafe-eval'")
	})
}

// anyHost are the sources that let scripts of any host in.
var anyHost = []string{"*", "http:", "https:", "data:", "*:*", "http://*", "https://*"}

func cspWildcard(x *exchange) string {
	return cspAllows(x, "allows scripts of any host", func(sources []string) bool {
		// With 'strict-dynamic', hosts and schemes are ignored.
		return slices.ContainsFunc(sources, func(s string) bool { return slices.Contains(anyHost, s) }) &&
			!slices.Contains(sources, "'strict-dynamic'")
	})
}
