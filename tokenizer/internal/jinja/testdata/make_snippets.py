#!/usr/bin/env python3
"""Writes snippets.json: what transformers' Jinja makes of small templates.

    pip install transformers==5.23.0 jinja2==3.1.6 && python3 make_snippets.py
"""
import json
import pathlib

from transformers.utils.chat_template_utils import _cached_compile_jinja_template as compile_template

CONTEXT = {
    "s": "  Hello, Wörld!  ", "empty": "", "name": "ada lovelace", "n": 7, "z": 0, "f": 2.5, "t": True, "no": None,
    "html": "<b a='1'>&\"</b>", "lines": "one\ntwo\r\nthree\n", "uni": "é\u00a0😀ß \u2028x", "nl": "\n\nx\n",
    "items": [3, 1, 2], "words": ["b", "A", "c"], "nest": [[1, 2], [3]], "e": [],
    "d": {"b": 1, "a": "x", "items": 5, "keys": [1]},
    "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": " U "}, {"role": "assistant", "content": "<think>\nt\n</think>\n\nA"},
                 {"role": "user", "content": "Q"}],
    "tool": {"type": "function", "function": {"name": "f", "description": "é <b> \"q\" \u2028\x7f", "parameters": {"type": "object", "properties": {"x": {"type": "string"}, "a": {"type": ["integer", "null"]}}, "required": []}}},
    "floats": [1.0, 0.1, 1e16, 1e-5, -0.0, 123456789.25, 1e100], "big": 9007199254740993,
}

SNIPPETS = r"""
{{ s }}|{{ s | trim }}|{{ s.strip() }}|{{ s.lstrip() }}|{{ s.rstrip() }}|{{ s.strip(' !H') }}
{{ name | title }} {{ name | capitalize }} {{ name.upper() }} {{ name | upper | lower }} {{ uni.upper() }} {{ uni | length }}
{{ name.split() }} {{ name.split('a') }} {{ name.split('a', 1) }} {{ name.rsplit('l', 1) }} {{ s.split(' ') }} {{ lines.splitlines() }}
{{ name[0] }} {{ name[-1] }} {{ name[1:3] }} {{ name[::-1] }} {{ name[:-8] }} {{ name[::2] }} {{ uni[0:3] }} {{ items[::-1] }} {{ items[5:] }} {{ items[-2:] }}
{{ name.startswith('ada') }} {{ name.endswith(('x', 'lace')) }} {{ name.find('l') }} {{ name.find('q') }} {{ name.count('a') }} {{ name.replace('a', 'X') }} {{ name.replace('a', 'X', 1) }} {{ name | replace('a', 'X') }}
{{ 'a' ~ 1 ~ none ~ true ~ 2.0 }} {{ 'a' + 'b' }} {{ 'ab' * 3 }} {{ [1] + [2] }} {{ [0] * 2 }}
{{ 7 / 2 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 2 ** 10 }} {{ 7.5 // 2 }} {{ 1 + 2 * 3 - 4 }} {{ -n }} {{ -2 ** 2 }} {{ 2 - -1 }}
{{ 1 < 2 < 3 }} {{ 1 == 1.0 }} {{ true == 1 }} {{ 'a' < 'b' }} {{ [1, 2] == [1, 2] }} {{ 'x' != 'y' }} {{ none == false }} {{ missing == none }}
{{ 'l' in name }} {{ 3 in items }} {{ 'a' in d }} {{ 'q' not in d }} {{ not 1 in items }} {{ not (t and z) or no }}
{{ t and 'x' }} {{ z or 'y' }} {{ no or missing or 'z' }} {{ '' and 1 }}|
{{ 'yes' if t else 'no' }} {{ 'yes' if z else 'no' }} {{ 'x' if z }}|{{ 1 if no else 2 if z else 3 }}
{{ missing }}|{{ missing.x is defined }}
{{ missing is defined }} {{ d.a is defined }} {{ d.q is defined }} {{ d['q'] is defined }} {{ missing is none }} {{ no is none }} {{ no is not none }} {{ n is number }} {{ t is number }} {{ t is boolean }} {{ n is integer }} {{ f is float }} {{ n is odd }} {{ n is even }} {{ n is divisibleby 7 }} {{ n is divisibleby(2) }}
{{ s is string }} {{ d is mapping }} {{ items is iterable }} {{ s is iterable }} {{ n is iterable }} {{ items is sequence }} {{ d is sequence }} {{ missing is sequence }} {{ d.get is callable }} {{ t is true }} {{ z is false }} {{ 1 is true }} {{ no is false }}
{{ 'a' is in 'abc' }} {{ 3 is in items }} {{ 'ABC' is upper }} {{ 'abc' is lower }} {{ 'a1' is lower }} {{ n is eq 7 }} {{ n is gt(3) }} {{ n is sameas 7 }} {{ n is not lt 3 }}
{{ d }} {{ items }} {{ words }} {{ nest }} {{ messages[0] }} {{ (1,) }} {{ (1, 'a') }} {{ t }} {{ no }} {{ f }} {{ html }} {{ [html, s, nl] }}
{{ d.a }} {{ d['b'] }} {{ d.get('a') }} {{ d.get('q') }} {{ d.get('q', 'def') }} {{ d['items'] }} {{ d.items() | list }} {{ d.keys() | list }} {{ d.values() | list }} {{ d | length }} {{ d | list }}
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %} {% for k in d %}{{ k }}{% endfor %} {% for k, v in d | items %}{{ k }}{% endfor %} {% for k, v in d | dictsort %}{{ k }}{% endfor %}
{% for x in items %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.previtem }}{{ loop.nextitem }},{% else %}none{% endfor %}
{% for x in e %}x{% else %}none{% endfor %} {% for x in missing %}x{% else %}undefined{% endfor %} {% for c in 'héy' %}{{ c }}.{% endfor %}
{% for x in items if x > 1 %}{{ loop.index }}:{{ x }} {% endfor %} {% for a, b in [(1, 2), (3, 4)] %}{{ a }}{{ b }}{% endfor %} {% for x in range(3) %}{{ x }}{% endfor %} {% for x in range(5, 0, -2) %}{{ x }}{% endfor %}
{% for x in range(10) %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 5 %}{% break %}{% endif %}{{ x }}{% endfor %}
{% set x = 1 %}{% for i in items %}{% set x = i %}{{ x }}{% endfor %}{{ x }}
{% set ns = namespace(a=1, b='q') %}{% for i in items %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}{{ ns.b }}{{ ns.c is defined }}
{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set c = 1, 2 %}{{ c }}
{% set x %}  block {{ n }}  {% endset %}[{{ x }}]{% set y | trim | upper %}  block {% endset %}[{{ y }}]
{% if z %}a{% elif n == 7 %}b{% else %}c{% endif %}{% if no %}{% set q = 1 %}{% else %}{% set q = 2 %}{% endif %}{{ q }}
{% macro m(a, b=2, c='x') %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ m(1) }}{{ m(1, c=3) }}{{ m(1, 5) }}{{ m() }}
{% macro r(x) %}{{ x }}{% if x > 0 %}{{ r(x - 1) }}{% endif %}{% endmacro %}{{ r(3) }}
{% macro outer() %}<{{ caller() }}>{% endmacro %}{% call outer() %}inside {{ n }}{% endcall %}
{% macro each(l) %}{% for x in l %}{{ caller(x) }}{% endfor %}{% endmacro %}{% call(v) each(items) %}({{ v }}){% endcall %}
{% filter upper %}abc {{ name }}{% endfilter %} {% with q = 5, w = 6 %}{{ q }}{{ w }}{% endwith %}{{ q is defined }}
{% raw %}{{ not rendered }} {% if %}{% endraw %} {# comment {{ x }} #}after
{% generation %}text {{ n }}{% endgeneration %}{%- generation -%} x {%- endgeneration -%} y
{{ tool | tojson }}
{{ tool | tojson(indent=2) }}
{{ tool | tojson(ensure_ascii=True) }} {{ tool | tojson(separators=(',', ':')) }} {{ d | tojson(sort_keys=True) }} {{ e | tojson(indent=4) }} {{ [1, [], {}] | tojson(indent=1) }}
{{ html | tojson }} {{ uni | tojson }} {{ [t, no, n, f] | tojson }} {{ nl | tojson }} {{ floats | tojson }} {{ {'a': {'b': 1}} | tojson }} {{ {1: 2, none: 3, true: 4} | tojson }}
{{ floats }} {{ big }} {{ big + 1 }} {{ 1e3 }} {{ 1_000 }} {{ 3 | float }} {{ '3.7' | float }} {{ '42' | int }} {{ '4.9' | int }} {{ 'x' | int }} {{ 'x' | int(5) }} {{ 3.99 | int }} {{ 2.567 | round(2) }} {{ 2.5 | round }} {{ 2.1 | round(method='ceil') }}
{{ items | sort }} {{ items | sort(reverse=true) }} {{ words | sort }} {{ words | sort(case_sensitive=true) }} {{ items | sum }} {{ items | max }} {{ items | min }} {{ items | first }} {{ items | last }} {{ items | reverse | list }} {{ name | reverse }} {{ e | first }}|
{{ items | join }} {{ items | join(', ') }} {{ words | map('upper') | join('-') }} {{ messages | map(attribute='role') | join(',') }} {{ messages | map(attribute='q', default='-') | join }} {{ ', '.join(words) }}
{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | list }} {{ messages | rejectattr('role', 'eq', 'user') | list | length }} {{ items | select('odd') | list }} {{ items | reject('gt', 1) | list }} {{ [0, 1, '', 'a'] | select | list }} {{ messages | selectattr('content') | list | length }}
{{ [1, 1, 2] | unique | list }} {{ ['a', 'A'] | unique | list }} {{ items | batch(2) | list }} {{ items | slice(2) | list }} {{ [{'k': 1, 'v': 2}, {'k': 1, 'v': 3}] | groupby('k') | list }}
{{ missing | default('d') }} {{ no | default('d') }} {{ no | default('d', true) }} {{ '' | d('e', boolean=true) }} {{ missing | length }} {{ missing | trim }}| {{ missing | upper }}| {{ missing | list }} {{ missing | join }}|
{{ html | e }} {{ html | escape | safe }} {{ html | string }} {{ n | string }} {{ items | string }} {{ n | abs }} {{ -3 | abs }} {{ 'a b c' | wordcount }} {{ 'hello world' | truncate(8) }} {{ 'hello world foo' | truncate(8, true, '') }} {{ 'a b/c?é' | urlencode }}
{{ lines | indent }}|{{ lines | indent(2, true) }}|{{ 'a\n\nb' | indent(2, blank=true) }}|{{ 'a' | indent('>>', first=true) }}
{{ '%s and %d' | format('x', 3) }} {{ '%s-%s' % (1, 2) }} {{ '%5.2f|%-5s|%05d' | format(3.14159, 'ab', 42) }} {{ '{} {}'.format(1, 'b') }} {{ '{0}{x}{{}}'.format(1, x=2) }}
{{ name.title() }} {{ name.capitalize() }} {{ 'a-b'.partition('-') }} {{ 'a-b-c'.rpartition('-') }} {{ 'x'.center(5, '*') }} {{ 'x'.ljust(3) }}| {{ '5'.zfill(3) }} {{ 'abc'.isalpha() }} {{ '12'.isdigit() }} {{ 'ABC'.lower() }} {{ 'prefix-x'.removeprefix('prefix-') }} {{ 'x.txt'.removesuffix('.txt') }}
{{ [1, 2].index(2) }} {{ [1, 1].count(1) }} {{ dict(a=1, b=2) }} {{ dict({'z': 1}, y=2) }} {{ {'a': 1}['a'] }} {{ {} }} {{ [] }} {{ () }}
{{ "a\nb\t\"q\" \\ \x41 \u00e9 \d" }} {{ 'it''s' }} {{ "it's" }} {{ 'x' 'y' }} {{ ["it's", 'say "x"', 'both \' "'] }}
{{ messages[1:] | length }} {{ messages[-1].content }} {{ messages[-1]['role'] }} {{ (messages | last).content }} {{ messages | length - 1 }} {{ messages[0].missing }}| {{ messages[99] is defined }}
{% for m in messages[::-1] %}{{ m.role[0] }}{% endfor %} {% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}!{% endif %}{{ m['content'] | trim }}{% endfor %}
{{ messages[2].content.split('</think>')[-1].lstrip('\n') }}|{{ messages[2].content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') }}
{{ loop is defined }} {{ range(3) | list }} {{ cycler is defined }} {{ joiner is defined }}
{% set j = joiner('|') %}{% for x in items %}{{ j() }}{{ x }}{% endfor %} {% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }} {% for x in items %}{{ loop.cycle('o', 'e') }}{% endfor %} {% for x in [1, 1, 2] %}{{ loop.changed(x) }}{% endfor %}
{% for x in nest recursive %}{% if x is iterable %}[{{ loop(x) }}]{% else %}{{ x }}{{ loop.depth }}{% endif %}{% endfor %}
{{ 'a' if 'x' in 'xyz' and not false else 'b' }} {{ ('a' if z else 'b') ~ 'c' }} {{ 'a' ~ 'b' | upper }} {{ ('a' ~ 'b') | upper }} {{ 1 + 2 | string | length }}
{{ x }}{% set x = 5 %}{{ x }}{% for i in [1] %}{{ x }}{% set x = 6 %}{{ x }}{% endfor %}{{ x }}
{{ raise_exception('refused: ' ~ n) }}
{{ missing.x }}
{{ missing['x'] }}
{{ missing + 1 }}
{{ missing() }}
{{ 'a' + 1 }}
{{ no + 'a' }}
{{ items.append(1) }}
{{ d.update({'x': 1}) }}
{{ 1 / 0 }}
{{ d.a.b }}|{{ n.x is defined }}
{{ missing | tojson }}
{{ 'x' | nofilter }}
{{ 'x' is notest }}
{% unknown %}
{% if %}x{% endif %}
{% for x in %}{% endfor %}
{% if t %}unclosed
{{ 'unclosed
{{ (1, 2 }}
{{ range(1000000) | length }}
{{ n | length }}
{{ no | length }}
{% for x in n %}{% endfor %}
{% for x in no %}{% endfor %}
{% set d.a = 1 %}
{% break %}
{{ 'a' < 1 }}
""".strip("\n").split("\n")

# Whitespace control needs templates of several lines.
SNIPPETS += [
    "  {% if t %}\n    x\n  {% endif %}\n  y\n", "a\n  {%- if t -%}  \n  b  \n  {%- endif -%}\n c", "{% if t %}\n\n\nx{% endif %}\n\n",
    "a {{- ' b ' -}} c", "a  {{ n }}\n\nb\n", "a\n{# c #}\nb\n  {# c -#}  \n d\n{#- c #} e", "  {%+ if t %}x{% endif +%}\ny", "{% if t +%}\nx{% endif %}",
    "x {%- raw -%}  {{ a }}  {%- endraw -%} y", "  {% raw %}\n  a\n  {% endraw %}\n b", "a\r\nb\r{{ n }}\r\n", "line\n\n", "\n", "", "{{ n }}\n\n{% set q = 1 %}\n\n{{ q }}\n",
    "{%- for m in messages -%}\n    {%- if m.role == 'user' -%}\n  {{ m.content }}\n    {%- endif -%}\n{%- endfor -%}\n end",
    "{% for i in items %}\n{{ i }}\n{% endfor %}\n", "\t{% if t %}\tx\t{% endif %}\t\n", "a{# multi\nline #}\nb", "x  \n \t {%- set q = 1 %}\n y", "{{- n -}}   \n  z",
    "{{ {'a': {'b': 1}}['a']['b'] }}{{ {'x':{}} }}", "{{ '}}' }}{{ '%}' }}{% if '%}' %}ok{% endif %}", "{{ '{{ x }}' }} { {% if t %}}{% endif %} {% raw %}{{{% endraw %}",
    "{{ s\n  | trim\n  | upper }}", "{% set x = [\n  1,\n  2,\n] %}{{ x }}", "{{ dict(\n a=1,\n) }}", "{{ items\n[0] }}",
]

out = []
for source in SNIPPETS:
    case = {"template": source}
    try:
        case["rendered"] = compile_template(source).render(**CONTEXT)
    except Exception as e:  # whatever it is, transformers does not render this
        case["error"] = str(e)
    out.append(case)
path = pathlib.Path(__file__).parent / "snippets.json"
path.write_text(json.dumps({"context": CONTEXT, "cases": out}, indent=1, ensure_ascii=True) + "\n")
print(len(out), sum("error" in c for c in out))
