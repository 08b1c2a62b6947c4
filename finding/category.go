package finding

import (
	"regexp"
	"slices"
	"strings"
)

// The categories of the study's training data. What fits none has the empty one.
const (
	CategoryHeaders = "HTTP_HEADERS" // a header missing, weak or leaking: security headers, cookie flags, caching, transport
	CategoryXSS     = "XSS"          // script of an attacker in a page
	CategorySQLI    = "SQLI"         // an attacker's text in a query of a database
	CategoryInfo    = "INFO"         // something disclosed that should not be
)

// claims are what a scanner that found something of a category would say in its finding's title, and its weakness; of headers there is not one.
var claims = map[string]struct{ title, cwe string }{
	CategoryHeaders: {"HTTP security header missing, weak or leaking", ""},
	CategoryXSS:     {"Cross-site scripting", "CWE-79"},
	CategorySQLI:    {"SQL injection", "CWE-89"},
	CategoryInfo:    {"Information disclosure", "CWE-200"},
}

// Claim gives a row of training data, which has an exchange and one of the study's categories, the rule, title and CWE of what it claims, where
// it has none of them: what a model is asked about.
func (f *Finding) Claim() {
	category := strings.ToUpper(f.Category)
	claim, ok := claims[category]
	if ok && f.Rule == "" && f.Title == "" && f.Message == "" && f.CWE == "" && (f.Request != "" || f.Response != "") {
		f.Rule, f.Title, f.CWE = category, claim.title, claim.cwe
	}
}

// categoryCWEs are the weaknesses (https://cwe.mitre.org/data/index.html) that a
// category stands for. 693 ("protection mechanism failure") is what scanners file missing
// headers under.
var categoryCWEs = map[string]string{
	"CWE-79": CategoryXSS, "CWE-80": CategoryXSS, "CWE-81": CategoryXSS, "CWE-82": CategoryXSS, "CWE-83": CategoryXSS,
	"CWE-84": CategoryXSS, "CWE-85": CategoryXSS, "CWE-86": CategoryXSS, "CWE-87": CategoryXSS, "CWE-692": CategoryXSS,

	"CWE-89": CategorySQLI, "CWE-564": CategorySQLI, "CWE-943": CategorySQLI,

	"CWE-319": CategoryHeaders, "CWE-346": CategoryHeaders, "CWE-523": CategoryHeaders, "CWE-524": CategoryHeaders,
	"CWE-525": CategoryHeaders, "CWE-539": CategoryHeaders, "CWE-614": CategoryHeaders, "CWE-644": CategoryHeaders,
	"CWE-693": CategoryHeaders, "CWE-942": CategoryHeaders, "CWE-1004": CategoryHeaders, "CWE-1021": CategoryHeaders, "CWE-1275": CategoryHeaders,

	"CWE-200": CategoryInfo, "CWE-201": CategoryInfo, "CWE-203": CategoryInfo, "CWE-204": CategoryInfo, "CWE-209": CategoryInfo,
	"CWE-210": CategoryInfo, "CWE-211": CategoryInfo, "CWE-213": CategoryInfo, "CWE-215": CategoryInfo, "CWE-359": CategoryInfo,
	"CWE-497": CategoryInfo, "CWE-526": CategoryInfo, "CWE-527": CategoryInfo, "CWE-530": CategoryInfo, "CWE-532": CategoryInfo,
	"CWE-538": CategoryInfo, "CWE-540": CategoryInfo, "CWE-541": CategoryInfo, "CWE-548": CategoryInfo, "CWE-550": CategoryInfo,
	"CWE-598": CategoryInfo, "CWE-615": CategoryInfo, "CWE-651": CategoryInfo,
}

// categoryWords are what rules of a category are called, tried in this order: a header
// that protects against XSS is a header, as is one that leaks a version (the study's policy
// of headers has both), and an SQL error that is shown is disclosed.
var categoryWords = []struct {
	category string
	words    *regexp.Regexp
}{
	{CategoryHeaders, regexp.MustCompile(`(?i)\bcsp\b|content.security.policy|strict.transport|\bhsts\b|x.frame.options|frame.options|frameable|` +
		`click.?jacking|x.content.type.options|content.type.options|xss.(?:protection|filter)|referrer.policy|permissions?.policy|feature.policy|` +
		`\bcors\b|cross.(?:origin|domain).*(?:resource|polic|config|misconfig|embedder|opener)|access.control.allow|` +
		`cross.domain misconfiguration|missing.(?:\w+.){0,2}headers?|headers?.(?:not.set|missing|unset)|http.headers?\b|security.headers?\b|` +
		`cookie.*(?:flag|http.?only|secure|same.?site|scop|without)|(?:http.?only|secure|same.?site).*cookie|` +
		`cache.?control|cacheable|(?:non.)?storable.*content|cached content|content.type header|strict.{0,3}transport|x.powered.by|x.aspnet(?:mvc)?.version|"server" (?:http )?(?:response )?header|server header`)},
	{CategoryInfo, regexp.MustCompile(`(?i)disclos|information.(?:leak|exposure)|\bleaks?(?:ed|age|ing)?\b|expos(?:es?|ed|ure|ing)|` +
		`server.(?:banner|version)|version.detect|stack.?trace|error.message|application.error|debug(?:ger)?[ -](?:error|message|enabled|mode)|` +
		`directory.(?:listing|browsing)|source.code.(?:disclosure|file)|private.ip|internal.ip|timestamp|suspicious.comments|` +
		`phpinfo|\.git\b|backup.file|robots\.txt|tech(?:nology)?.detect|fingerprint|sensitive.(?:data|information)|user.?name.enumeration|email.addresses`)},
	{CategorySQLI, regexp.MustCompile(`(?i)\bsqli\b|sql.?injection|\bsql\b.*(?:inject|taint|concat|string|tamper|query)|(?:inject|taint|tamper|format).*\bsql\b|` +
		`(?:formatted|concatenated?|raw|tainted).*\b(?:sql|query)\b|hibernate.?injection|nosql`)},
	{CategoryXSS, regexp.MustCompile(`(?i)\bxss\b|cross.?site.?scripting|script.?injection|html.?injection|(?:dom|reflected|stored|self|blind)[-_. ]xss|` +
		`unescaped|dangerouslysetinnerhtml|innerhtml|user.controllable.html`)},
}

// VulnCategory is the study's category of a finding: CategoryHeaders, CategoryXSS,
// CategorySQLI, CategoryInfo, or "" for all others. What the rule is called decides
// before its CWE where they differ, since scanners file many a missing header under a
// weakness that it would prevent or under none in particular.
func (f *Finding) VulnCategory() string {
	categories := []string{CategoryHeaders, CategoryXSS, CategorySQLI, CategoryInfo}
	if c := strings.ToUpper(f.Category); slices.Contains(categories, c) {
		return c // a data set's own
	}
	byCWE := categoryCWEs[f.CWE]
	name := spaced(f.Title) + " | " + spaced(f.Rule)
	if byCWE == CategoryXSS || byCWE == CategorySQLI {
		// These are claims of an attack. Only a header's name tells otherwise, of traffic.
		if f.Category != "code" && categoryWords[0].words.MatchString(name) {
			return CategoryHeaders
		}
		return byCWE
	}
	for _, c := range categoryWords {
		if c.words.MatchString(name) {
			return c.category
		}
	}
	return byCWE
}

// spaced parts the words of an identifier, for the expressions to see them as words.
func spaced(name string) string {
	return strings.NewReplacer("_", " ", "/", " ", ":", " ").Replace(firstBytes(name, 400))
}
