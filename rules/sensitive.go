package rules

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

var (
	// sessionCookie are names that carry a login. Tokens against forged requests, load balancers' and statistics' cookies
	// do not.
	sessionCookie = regexp.MustCompile(`(?i)sess|(^|[._-])sid($|[._-])|auth|jwt|(access|refresh|id|login|user|api|bearer)[._-]?token|^token$|remember|logged_?in|\.aspnetcore\.(identity|cookies)|^sso|passport`)
	otherCookie   = regexp.MustCompile(`(?i)csrf|xsrf|^_ga|^_gid|^_pk_|^awsalb|^__cf|consent|author(?:$|s)`)

	// personalKey are keys of JSON whose value is a secret or about a person. The value is not empty, null or a truth value.
	personalKey = regexp.MustCompile(`(?i)"((?:access|refresh|id|auth|session|bearer|api)?_?token|jwt|(?:client_?)?secret|passw(?:or)?d|pass_?phrase|(?:api|private|secret)_?key|` +
		`ssn|social_?security(?:_?number)?|tax_?id|passport(?:_?number)?|iban|account_?number|card_?number|credit_?card|cvv|pin|` +
		`e?mail|e-mail|email_?address|phone(?:_?number)?|mobile|date_?of_?birth|birth_?date|birthday|dob|home_?address|street|street_?address|` +
		`first_?name|last_?name|salary|diagnosis|medical_?record)"\s*:\s*(?:"[^"]|-?[0-9]|[\[{]\s*[^\]}\s])`)
)

// maxJSONBytes is how much of a body is looked at.
const maxJSONBytes = 256 << 10

// sensitive says why a response must not be stored or read by others, or "".
func sensitive(x *exchange) string {
	for _, c := range x.response.all("Set-Cookie") {
		if name := sessionSet(c.value); name != "" {
			return fmt.Sprintf("it sets the session cookie %q", name)
		}
	}
	if auth := x.request.get("Authorization"); auth != "" {
		kind, _, _ := strings.Cut(auth, " ")
		return fmt.Sprintf("it answers a request with %q", "Authorization: "+kind)
	}
	if kind := x.mediaType(); kind == "application/json" || strings.HasSuffix(kind, "+json") {
		if m := personalKey.FindStringSubmatch(x.body[:min(len(x.body), maxJSONBytes)]); m != nil {
			return fmt.Sprintf("its JSON has %q", m[1])
		}
	}
	return ""
}

// sessionSet returns the name of the session cookie that a Set-Cookie header sets. One that is empty or has expired is
// being deleted.
func sessionSet(value string) string {
	pair, _, _ := strings.Cut(value, ";")
	name, content, ok := strings.Cut(strings.TrimSpace(pair), "=")
	content = strings.Trim(strings.TrimSpace(content), `"`)
	if !ok || content == "" || strings.EqualFold(content, "deleted") || !sessionCookie.MatchString(name) || otherCookie.MatchString(name) {
		return ""
	}
	for _, d := range directives(value, ";")[1:] {
		if d[0] == "max-age" && (d[1] == "0" || strings.HasPrefix(d[1], "-")) {
			return ""
		}
		if d[0] == "expires" {
			// Dates are compared with one long past, not with today's: a report from last year is still the same.
			for _, layout := range []string{time.RFC1123, "Mon, 02-Jan-2006 15:04:05 MST", "Mon, 02-Jan-06 15:04:05 MST"} {
				if at, err := time.Parse(layout, d[1]); err == nil && at.Year() < 2001 {
					return ""
				}
			}
		}
	}
	return name
}

// cookieHas tells whether a Set-Cookie header has an attribute.
func cookieHas(value, attribute string) bool {
	for i, d := range directives(value, ";") {
		if i > 0 && d[0] == attribute {
			return true
		}
	}
	return false
}
