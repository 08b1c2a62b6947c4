"""Writes tiny random models as GGUF and, in NAME.json, what they must convert to.

    python make_models.py     (gguf 0.19.0, transformers 5.23.0, tokenizers 0.23.3, sentencepiece 0.2.3, torch 2.15.0)

Rows of q and k are reordered as llama.cpp's convert_hf_to_gguf.py does. The tensors expected are those that
transformers' own GGUF loader gives (as SHA-256 of their float32 bytes), the ids expected those of the tokenizer that
the GGUF's was made from: tokenizers for byte-level BPE, sentencepiece for the other.
"""
import hashlib
import io
import json

import gguf
import numpy as np
import sentencepiece
import tokenizers as tk
from gguf import GGMLQuantizationType as T
from gguf.quants import quantize
from transformers import AutoConfig, AutoModelForCausalLM

HIDDEN, FF, HEADS, KV, LAYERS = 32, 64, 4, 2, 2
CORPUS = """GET /login?user=admin'-- HTTP/1.1 the scanner says that the parameter is injectable, the server's answer isn't an error.
We'll look at 12345 rows; they've 3.14159 of them. SELECT name FROM users WHERE id = 1; <script>alert(1)</script>
    if err != nil { return nil, err }  // the quick brown fox jumps over the lazy dog, again and again and again
""".splitlines() * 20
TEXTS = [
    "", " ", "  two  spaces ", "the server's answer", "12345 and 3.14159", "WE'LL see, they'VE seen", "tab\tnew\nline\r\n\n  x",
    "na\u00efve caf\u00e9 e\u0301 \u65e5\u672c\u8a9e \U0001f600!", "<think>the end</think>", "a<|im_end|>b <|im_end|> c", "</s><s>[INST] <unk>", "\u0000\u007f<0x0A>",
    "if err != nil { return nil }", "x" * 40, "\u2581the\u2581 fox",
]
SPLITS = {
    "llama-bpe": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "qwen2": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
}
rng = np.random.default_rng(7)


def permute(w, heads):
    return w.reshape(heads, 2, w.shape[0] // heads // 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def bpe(pre):
    """A byte-level BPE with the pre-tokenizer that llama.cpp calls pre."""
    t = tk.Tokenizer(tk.models.BPE(ignore_merges=pre == "llama-bpe"))
    level = tk.pre_tokenizers.ByteLevel
    first = {"smollm": [tk.pre_tokenizers.Digits(True)], "default": []}.get(pre)
    if first is None:
        t.pre_tokenizer = tk.pre_tokenizers.Sequence(
            [tk.pre_tokenizers.Split(tk.Regex(SPLITS[pre]), "isolated"), level(False, use_regex=False)])
    else:
        t.pre_tokenizer = tk.pre_tokenizers.Sequence([*first, level(False)])
    if pre == "qwen2":
        t.normalizer = tk.normalizers.NFC()
    t.decoder = tk.decoders.ByteLevel()
    trainer = tk.trainers.BpeTrainer(
        vocab_size=340, special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"], initial_alphabet=level.alphabet(), show_progress=False)
    t.train_from_iterator(CORPUS, trainer)
    t.add_tokens([tk.AddedToken("<think>", normalized=False), tk.AddedToken("</think>", normalized=False)])
    if pre == "llama-bpe":
        t.post_processor = tk.processors.TemplateProcessing(single="<|im_start|> $A", special_tokens=[("<|im_start|>", 1)])
    model = json.loads(t.to_str())
    tokens = [t.id_to_token(i) for i in range(t.get_vocab_size())]
    special = {a["content"]: 3 if a["special"] else 4 for a in model["added_tokens"]}

    def write(w):
        w.add_tokenizer_model("gpt2")
        w.add_tokenizer_pre(pre)
        w.add_token_list(tokens)
        w.add_token_types([special.get(x, 1) for x in tokens])
        w.add_token_merges([" ".join(m) for m in model["model"]["merges"]])
        w.add_bos_token_id(1)
        w.add_eos_token_id(0)
        w.add_eot_token_id(2)
        w.add_chat_template("{{ messages }}")

    return len(tokens), write, [{"text": s, "ids": t.encode(s).ids, "decoded": t.decode(t.encode(s).ids)} for s in TEXTS]


def spm():
    """SentencePiece's BPE with bytes for what it does not know, as LLaMA 2's."""
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS), model_writer=out, vocab_size=420, model_type="bpe", byte_fallback=True, normalization_rule_name="identity",
        remove_extra_whitespaces=False, split_digits=True, allow_whitespace_only_pieces=True, user_defined_symbols=["<think>"], minloglevel=2)
    p = sentencepiece.SentencePieceProcessor(model_proto=out.getvalue(), add_bos=True)
    n = p.get_piece_size()
    kind = lambda i: 2 if p.is_unknown(i) else 3 if p.is_control(i) else 6 if p.is_byte(i) else 4 if p.id_to_piece(i) == "<think>" else 1

    def write(w):
        w.add_tokenizer_model("llama")
        w.add_token_list([p.id_to_piece(i) for i in range(n)])
        w.add_token_scores([p.get_score(i) for i in range(n)])
        w.add_token_types([kind(i) for i in range(n)])
        w.add_bos_token_id(p.bos_id())
        w.add_eos_token_id(p.eos_id())
        w.add_unk_token_id(p.unk_id())

    # sentencepiece reads control tokens and user symbols in the text in its own way: leave those texts out.
    texts = [s for s in TEXTS if "<s>" not in s and "<think>" not in s and "<0x" not in s and s]
    return n, write, [{"text": s, "ids": p.encode(s), "decoded": p.decode(p.encode(s))} for s in texts]


def model(name, arch, tokenizer, kinds, tied=False, bias=False, qk_norm=False, head=8, rope=None, window=None):
    vocab, write_tokenizer, texts = tokenizer
    w = gguf.GGUFWriter(name + ".gguf", arch)
    w.add_context_length(512)
    w.add_embedding_length(HIDDEN)
    w.add_feed_forward_length(FF)
    w.add_block_count(LAYERS)
    w.add_head_count(HEADS)
    w.add_head_count_kv(KV)
    w.add_layer_norm_rms_eps(1e-6)
    w.add_rope_freq_base(5e5)
    w.add_vocab_size(vocab)
    if arch == "llama":
        w.add_rope_dimension_count(head)
    if head * HEADS != HIDDEN:
        w.add_key_length(head)
        w.add_value_length(head)
    if window:
        w.add_sliding_window(window)
    write_tokenizer(w)
    number = 0

    def add(key, *shape, heads=0):
        nonlocal number
        x = rng.standard_normal(shape, dtype=np.float32) / 8
        if heads:
            x = permute(x, heads)
        kind = T.F32 if len(shape) == 1 else kinds[number % len(kinds)]
        number += len(shape) > 1
        if kind == T.F32:
            w.add_tensor(key, np.ascontiguousarray(x))
        else:
            w.add_tensor(key, quantize(np.ascontiguousarray(x), kind), raw_dtype=kind)

    turned = arch == "llama"
    add("token_embd.weight", vocab, HIDDEN)
    add("output_norm.weight", HIDDEN)
    if not tied:
        add("output.weight", vocab, HIDDEN)
    for i in range(LAYERS):
        b = f"blk.{i}."
        add(b + "attn_norm.weight", HIDDEN)
        add(b + "ffn_norm.weight", HIDDEN)
        for part, n in (("q", HEADS), ("k", KV), ("v", KV)):
            heads = n if turned and part != "v" else 0
            add(b + f"attn_{part}.weight", n * head, HIDDEN, heads=heads)
            if bias:
                add(b + f"attn_{part}.bias", n * head, heads=heads)
            if qk_norm and part != "v":
                add(b + f"attn_{part}_norm.weight", head)
        add(b + "attn_output.weight", HIDDEN, HEADS * head)
        add(b + "ffn_gate.weight", FF, HIDDEN)
        add(b + "ffn_up.weight", FF, HIDDEN)
        add(b + "ffn_down.weight", HIDDEN, FF)
    if rope is not None:
        w.add_tensor("rope_freqs.weight", np.asarray(rope, np.float32))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    config = AutoConfig.from_pretrained(".", gguf_file=name + ".gguf")
    config.head_dim = head  # transformers forgets Qwen 3's attention.key_length
    state = AutoModelForCausalLM.from_pretrained(".", gguf_file=name + ".gguf", config=config, dtype="float32").state_dict()
    if tied:
        del state["lm_head.weight"]
    tensors = {k: {"shape": list(v.shape), "sha256": hashlib.sha256(v.numpy().tobytes()).hexdigest()} for k, v in state.items()}
    with open(name + ".json", "w") as f:
        json.dump({"tensors": tensors, "texts": texts}, f, indent=1)


def llama3_factors(head, theta, factor, low, high, context):
    """generate_extra_tensors of LlamaModel in convert_hf_to_gguf.py"""
    out = []
    for f in 1.0 / theta ** (np.arange(0, head, 2) / head):
        wavelen = 2 * np.pi / f
        if wavelen < context / high:
            out.append(1)
        elif wavelen > context / low:
            out.append(factor)
        else:
            smooth = (context / wavelen - low) / (high - low)
            out.append(1 / ((1 - smooth) / factor + smooth))
    return out


model("llama3", "llama", bpe("llama-bpe"), [T.F16, T.Q8_0, T.BF16, T.F32], head=16, rope=llama3_factors(16, 5e5, 32.0, 1.0, 4.0, 8192))
model("smollm", "llama", bpe("smollm"), [T.Q8_0, T.Q4_1], tied=True)
model("mistral", "llama", spm(), [T.Q5_0, T.Q4_0], window=64)
model("qwen2", "qwen2", bpe("qwen2"), [T.Q5_1], tied=True, bias=True)
model("qwen3", "qwen3", bpe("default"), [T.Q8_0], tied=True, qk_norm=True, head=16)
