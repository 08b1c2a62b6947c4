package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// heuristic are the statuses that a cache may store without being told to (RFC 9110, 15.1).
var heuristic = []int{200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501}

// cacheDirectives are the response's, by name. Several headers are one list.
func cacheDirectives(x *exchange) map[string]string {
	found := map[string]string{}
	for _, f := range x.response.all("Cache-Control") {
		for _, d := range directives(f.value, ",") {
			found[d[0]] = d[1]
		}
	}
	return found
}

func cacheMissing(x *exchange) string {
	why := sensitive(x)
	if why == "" || x.response.has("Cache-Control") || !slices.Contains(heuristic, x.status) {
		return ""
	}
	return fmt.Sprintf("The response has no Cache-Control header, and %s: without no-store or private, caches may keep it and give it to others.", why)
}

// cacheWeak asks for no-store, or for private without a list of fields, which would cover those alone (RFC 9111, 5.2.2.7).
// no-cache is not enough: it lets caches store.
func cacheWeak(x *exchange) string {
	list := x.response.all("Cache-Control")
	why := sensitive(x)
	if len(list) == 0 || why == "" {
		return ""
	}
	d := cacheDirectives(x)
	_, noStore := d["no-store"]
	fields, private := d["private"]
	_, public := d["public"]
	if noStore || private && fields == "" && !public {
		return ""
	}
	if !slices.Contains(heuristic, x.status) && !fresh(d) {
		return ""
	}
	return fmt.Sprintf("%q has neither no-store nor private, and %s: caches may keep it and give it to others.", list[0], why)
}

// fresh tells whether a cache is told that it may store.
func fresh(d map[string]string) bool {
	for _, name := range []string{"max-age", "s-maxage"} {
		if n, err := strconv.Atoi(strings.TrimSpace(d[name])); err == nil && n > 0 {
			return true
		}
	}
	_, public := d["public"]
	return public
}
