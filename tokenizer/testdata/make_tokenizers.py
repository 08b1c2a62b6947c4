#!/usr/bin/env python3
"""Writes tokenizers/NAME/tokenizer.json.gz and cases.json.gz: small tokenizers with the components
of public models, trained on a few lines, and what the Hugging Face library makes of many texts.

    pip install tokenizers==0.23.3 && python3 make_tokenizers.py
"""
import base64
import gzip
import json
import pathlib
import random
import struct

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

CORPUS = [
    "The quick brown fox jumps over the lazy dog, and the response lacks the header.",
    "HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body>hello</body></html>",
    "def f(x):\n    return x ** 2  # squares 1234567890\n\n\nclass A:\n\tpass\n",
    "SELECT name, password FROM users WHERE id = 1 OR '1'='1'; -- it's don't we'll I'm",
    "café naïve résumé straße Łódź Привет мир Γεια σου 你好世界 日本語のテキスト 한국어 🚀🔥 ﬁ Å",
] * 3
TEXTS = [
    "", " ", "  ", "a", "Hello, world!", " leading", "trailing ", "two  spaces   three", "\n", "\r\n\r\n", "\t\ttabs", "don't DON'T it's I'll",
    "1234567890 3.14 12,345", "café cafe\u0301 Å A\u030a ﬁ ①", "İstanbul ǅ ẞ", "你好，世界", "日本語のテキスト 한국어", "🚀🔥👨\u200d👩\u200d👧", "\x00\x01\x1b[31m\x7f",
    "\u00a0nbsp\u2003em\u3000ideographic\u200bzero", "\ufeffbom", "▁under▁", "▁▁ x ▁", "<s>x</s>", "<mask> and <mask>x <mask>  y", "[MASK] [CLS]a[SEP]",
    "<|end|>  after <|end|>\n\nx", "a<tok>b <tok> c", "  <tok>  ", "lowtok LOWTOK Lowtok xlowtok", "<0x41><0xE4>", "unk: ж ξ ð ᚠ ꙮ", "xxжжжyyξξ", "aaaaaaaaaaaaaaaa",
    "snake_case camelCase HTTPServer x2y3", "end</w> word", "a.b,c;d!e?f", "((()))[[]]{{}}", "½ ² Ⅷ ١٢٣ 三", "x = y+1;\n  if (a && b) {\n\t\treturn;\n  }\n",
    "q" * 120 + " " + "日" * 110, "mixed ABC日本abc한국ABC", "e\u0301\u0323 \u0323\u0301e o\u0302\u0300", "\u1100\u1161\u11a8 각", "ｆｕｌｌ ｗｉｄｔｈ", "a\u2028b\u2029c\x85d",
]
SPECIAL = ["<unk>", "<s>", "</s>", "<pad>"]


def train(tok, kind=trainers.BpeTrainer, size=600, special=SPECIAL, **kw):
    tok.train_from_iterator(CORPUS, kind(vocab_size=size, special_tokens=special, show_progress=False, **kw))
    return tok


def byte_bpe(pre, **model):
    tok = Tokenizer(models.BPE(**model))
    tok.pre_tokenizer = pre
    tok.decoder = decoders.ByteLevel()
    return train(tok, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())


def seq(*parts):
    return pre_tokenizers.Sequence(list(parts))


def byte_level(**kw):
    return pre_tokenizers.ByteLevel(**{"add_prefix_space": False, "use_regex": False, **kw})


def split(pattern, behavior="isolated", **kw):
    return pre_tokenizers.Split(Regex(pattern), behavior, **kw)


def with_bytes(tok):
    """Adds the 256 byte tokens to a BPE or Unigram model and turns byte_fallback on."""
    data = json.loads(tok.to_str())
    names = [f"<0x{b:02X}>" for b in range(256)]
    if data["model"]["type"] == "BPE":
        at = max(data["model"]["vocab"].values()) + 1
        data["model"]["vocab"].update({n: at + i for i, n in enumerate(names)})
    else:
        data["model"]["vocab"] += [[n, -20.0] for n in names]
    data["model"]["byte_fallback"] = True
    return Tokenizer.from_str(json.dumps(data))


def llama2():
    tok = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    tok.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    train(tok)
    tok = with_bytes(tok)
    tok.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tok.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B:1", special_tokens=[("<s>", 1)])
    return tok


def metaspace(scheme, split=True):
    tok = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=scheme == "first"))
    tok.pre_tokenizer = pre_tokenizers.Metaspace("▁", scheme, split)
    tok.decoder = decoders.Metaspace("▁", scheme, split)
    train(tok)
    tok.add_special_tokens([AddedToken("<mask>", lstrip=True), AddedToken("<|end|>", rstrip=True)])
    tok.add_tokens([AddedToken("<tok>", normalized=False), AddedToken("lowtok", single_word=True)])
    return tok


def roberta():
    tok = byte_bpe(pre_tokenizers.ByteLevel(add_prefix_space=True))
    tok.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    tok.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 1), trim_offsets=True, add_prefix_space=True)
    return tok


def bert_cased():
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tok = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=50))
    tok.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=None)
    tok.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tok.decoder = decoders.WordPiece(cleanup=False)
    train(tok, trainers.WordPieceTrainer, special=special)
    tok.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tok


def qwen2():
    pattern = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    tok = Tokenizer(models.BPE(ignore_merges=True))
    tok.normalizer = normalizers.NFC()
    tok.pre_tokenizer = seq(split(pattern), byte_level())
    tok.decoder = decoders.ByteLevel()
    train(tok, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tok.add_tokens([AddedToken("<tok>", normalized=False), AddedToken("lowtok")])
    return tok


def o200k():
    pattern = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
               r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
               r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    return byte_bpe(seq(split(pattern), byte_level()))


def possessive():
    return byte_bpe(seq(split(r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s", "removed", invert=True), byte_level()))


def deepseek():
    return byte_bpe(seq(split(r"\p{N}{1,3}"), split("[一-龥぀-ゟ゠-ヿ]+"),
                        split(r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"), byte_level()))


def falcon():
    tok = byte_bpe(seq(pre_tokenizers.Punctuation("contiguous"), byte_level(use_regex=True), pre_tokenizers.Digits(False), split("[0-9][0-9][0-9]")))
    return tok


def gemma():
    tok = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    tok.normalizer = normalizers.Replace(" ", "▁")
    tok.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    train(tok)
    tok = with_bytes(tok)
    tok.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tok.add_tokens([AddedToken("▁▁", normalized=False), AddedToken("▁▁▁", normalized=False), AddedToken("\n\n", normalized=False), AddedToken("<tok>", normalized=False)])
    return tok


def neox():
    tok = byte_bpe(byte_level(use_regex=True))
    tok.normalizer = normalizers.NFC()
    tok.add_tokens([AddedToken(" " * n, normalized=True) for n in range(2, 6)])
    tok.post_processor = processors.ByteLevel(trim_offsets=True)
    return tok


def clip():
    tok = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    tok.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    tok.pre_tokenizer = seq(split(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+", "removed", invert=True), byte_level())
    tok.decoder = decoders.ByteLevel()
    train(tok, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), end_of_word_suffix="</w>")
    tok.decoder = decoders.BPEDecoder("</w>")
    return tok


def subword_prefix():
    tok = Tokenizer(models.BPE(unk_token="<unk>", continuing_subword_prefix="##"))
    tok.normalizer = normalizers.Sequence([normalizers.Strip(), normalizers.NFKD(), normalizers.StripAccents()])
    tok.pre_tokenizer = pre_tokenizers.Whitespace()
    tok.decoder = decoders.WordPiece("##")
    return train(tok, continuing_subword_prefix="##")


def word_level():
    tok = Tokenizer(models.WordLevel(unk_token="<unk>"))
    tok.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tok.pre_tokenizer = seq(pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation(), pre_tokenizers.Digits(True), pre_tokenizers.CharDelimiterSplit("/"))
    return train(tok, trainers.WordLevelTrainer)


def charsmap(rules):
    """A precompiled_charsmap: a double-array trie (Darts-clone's layout) over the rules' keys."""
    text, values = b"", {}
    for key, to in rules.items():
        values[key.encode()] = len(text)
        text += to.encode() + b"\0"
    units = {}
    used = set()

    def place(prefix, at):
        labels = sorted({k[len(prefix)] if len(k) > len(prefix) else 0 for k in values if k.startswith(prefix)})
        offset = next(o for o in range(1, 1 << 20) if all((at ^ o ^ c) not in used and (at ^ o ^ c) != 0 and (at ^ o) not in bases for c in labels) and o < 1 << 21)
        bases.add(at ^ offset)
        units[at] = units.get(at, 0) | offset << 10 | (0x100 if 0 in labels else 0)
        for c in labels:
            used.add(at ^ offset ^ c)
        for c in labels:
            child = at ^ offset ^ c
            if c == 0:
                units[child] = 1 << 31 | values[prefix]
            else:
                units[child] = c
                place(prefix + bytes([c]), child)

    bases = set()
    place(b"", 0)
    array = [units.get(i, 0xFF) for i in range(max(units) + 256)]
    blob = struct.pack(f"<{len(array)}I", *array)
    return struct.pack("<I", len(blob)) + blob + text


def unigram(pre, fallback=False, precompiled=False):
    tok = Tokenizer(models.Unigram())
    tok.pre_tokenizer = pre
    tok.decoder = decoders.Metaspace()
    train(tok, trainers.UnigramTrainer, size=400, unk_token="<unk>")
    data = json.loads(tok.to_str())
    if precompiled:
        rules = {"ﬁ": "fi", "①": "1", "é": "é", "e\u0301": "é", "\u3000": " ", "\u00a0": " ", "\u2003": " ", "\u200b": "", "ｆ": "f", "Å": "A", "½": "1⁄2", "\t": " ", "\n": " ", "日本": "Japan", "\x01": ""}
        norm = {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap(rules)).decode()}
        data["normalizer"] = {"type": "Sequence", "normalizers": [norm, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]}
    else:
        data["normalizer"] = {"type": "Sequence", "normalizers": [{"type": "Nmt"}, {"type": "NFKC"}]}
    tok = Tokenizer.from_str(json.dumps(data))
    return with_bytes(tok) if fallback else tok


def cases(tok, seed):
    rng = random.Random(seed)
    texts = list(TEXTS)
    for _ in range(40):
        texts.append("".join(rng.choice(TEXTS)[: rng.randint(1, 12)] + rng.choice(["", " ", "\n", "  "]) for _ in range(rng.randint(1, 6))))
    out = []
    for text in texts:
        tok.encode_special_tokens = False
        full, bare = tok.encode(text), tok.encode(text, add_special_tokens=False)
        tok.encode_special_tokens = True
        literal = tok.encode(text, add_special_tokens=False)
        case = {"text": text, "ids": full.ids, "offsets": [x for o in full.offsets for x in o], "decoded": tok.decode(full.ids, skip_special_tokens=False), "decoded_skip": tok.decode(full.ids)}
        if bare.ids != full.ids:
            case["ids_bare"] = bare.ids
        if literal.ids != bare.ids:
            case["ids_bare_literal"] = literal.ids
        out.append(case)
    tok.encode_special_tokens = False
    pairs = []
    for a, b in (("Hello, world!", "two  spaces"), ("", " leading"), ("<s>x", "日本語 x")):
        e = tok.encode(a, b)
        pairs.append({"a": a, "b": b, "ids": e.ids, "type_ids": e.type_ids})
    return {"vocab_size": tok.get_vocab_size(), "cases": out, "pairs": pairs}


MAKERS = {
    "llama2": llama2, "metaspace_first": lambda: metaspace("first"), "metaspace_always": lambda: metaspace("always"),
    "metaspace_whole": lambda: metaspace("never", False), "roberta": roberta, "bert_cased": bert_cased, "qwen2": qwen2, "o200k": o200k,
    "possessive": possessive, "deepseek": deepseek, "falcon": falcon, "gemma": gemma, "neox": neox, "clip": clip,
    "subword_prefix": subword_prefix, "word_level": word_level, "unigram": lambda: unigram(pre_tokenizers.Metaspace()),
    "unigram_bytes": lambda: unigram(seq(pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()), fallback=True),
    "unigram_precompiled": lambda: unigram(pre_tokenizers.Metaspace(), precompiled=True),
}
for seed, (name, make) in enumerate(MAKERS.items()):
    tok = make()
    folder = pathlib.Path(__file__).parent / "tokenizers" / name
    folder.mkdir(parents=True, exist_ok=True)
    fixture = {"tokenizer": name, **cases(tok, seed)}
    for file, text in (("tokenizer.json.gz", tok.to_str()), ("cases.json.gz", json.dumps(fixture))):
        (folder / file).write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(name, tok.get_vocab_size(), len(fixture["cases"]))
