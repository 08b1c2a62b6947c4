package finding

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// decode turns a rawValue into what encoding/json makes of it, by way of every
// accessor.
func decode(v rawValue) any {
	switch v.kind() {
	case '{':
		object := map[string]any{}
		for _, m := range v.members() {
			object[m.key] = decode(m.value)
		}
		return object
	case '[':
		array := []any{}
		for _, e := range v.elems() {
			array = append(array, decode(e))
		}
		return array
	case '"':
		return v.str()
	case '0':
		return json.Number(v.text())
	case 't', 'f':
		return v.text() == "true"
	}
	return nil
}

// checkRaw holds the reader in place against encoding/json.
func checkRaw(t *testing.T, doc string) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(doc))
	dec.UseNumber()
	var want any
	v, err := parseRaw([]byte(doc))
	if (err == nil) != json.Valid([]byte(doc)) {
		t.Fatalf("%q: error %v, encoding/json says valid: %v", doc, err, err != nil)
	}
	if err != nil {
		if _, ok := syntaxOffset(err); !ok {
			t.Fatalf("%q: no offset in %v", doc, err)
		}
		return
	}
	if err := dec.Decode(&want); err != nil {
		t.Fatal(err)
	}
	if got := decode(v); !reflect.DeepEqual(got, want) {
		t.Fatalf("%q: %#v, encoding/json reads %#v", doc, got, want)
	}
}

var rawSeeds = []string{
	`{}`, ` [ ] `, `null`, `true`, `-0.5e+10`, `"a\"\\\u00e9\ud83d\ude00\ud800"`, `{"a":{"b":[1,2,{"c":"}]"}]},"a":3}`,
	"[\n1 ,\t2\r, [ ] , { } ]", `{"\u0061":1,"b\"":2}`, `[1,]`, `{"a"}`, `"`, ``, `{"a":1}x`, "\"\xff\"", `[[[[]]],{"x":[{}]}]`,
}

func TestRawValue(t *testing.T) {
	for _, doc := range rawSeeds {
		checkRaw(t, doc)
	}
}

func TestRawAccessors(t *testing.T) {
	v, err := parseRaw([]byte(`{"a":[1.0,2.5,"x",null,1e99,-3],"o":{"k":"v"}}`))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{1, -1, -1, -1, -1, -3} {
		n, ok := v.get("a").at(i).num()
		if ok != (want != -1) || ok && n != want {
			t.Errorf("num of element %d = %d, %v", i, n, ok)
		}
	}
	if v.get("o", "k").str() != "v" || v.get("o", "x", "y").exists() || v.get("a").at(99).exists() || v.get("a").at(-1).exists() || len(v.get("o").elems()) != 0 {
		t.Error("look-ups of what is not there")
	}
}

func TestLocate(t *testing.T) {
	doc := []byte("ab\ncd\n")
	for offset, want := range map[int64][2]int{0: {1, 1}, 1: {1, 2}, 2: {1, 3}, 3: {2, 1}, 6: {3, 1}, 99: {3, 1}, -1: {1, 1}} {
		if line, column := locate(doc, offset); line != want[0] || column != want[1] {
			t.Errorf("locate(%d) = %d:%d, want %v", offset, line, column, want)
		}
	}
	if _, ok := syntaxOffset(errors.New("x")); ok {
		t.Error("an offset from nowhere")
	}
}
