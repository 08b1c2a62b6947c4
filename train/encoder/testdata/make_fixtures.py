"""Writes NAME.safetensors: what torch makes of fine-tuning the tiny encoders of transformer/testdata/encoders.

    python make_fixtures.py     # torch, safetensors and transformers 5.x

Each file holds a batch (ids [B, S] padded on the right, lengths [B], targets and weights [B]), a head's first weights (head.KEY, a
hidden layer of 5 with gelu on the pooled state), the loss Σ weight·BCE, its gradients (grad.KEY of the encoder's tensors by the
family's keys, grad.head.KEY), and the tensors after three steps of torch.optim.AdamW on that batch (after.KEY): learning rate 1e-3,
of the head 5e-3, weight decay 0.1 for matrices, clipped to 0.5. Dropout is off.
"""

import pathlib

import torch
from safetensors.torch import save_file
from transformers import AutoModel, T5EncoderModel

HERE = pathlib.Path(__file__).parent
BASES = HERE.parents[2] / "transformer" / "testdata" / "encoders"
CASES = {"bert_tensorflow_names": "cls", "roberta_classifier": "mean", "t5_few_buckets": "mean", "modernbert_narrow": "last"}
LENGTHS = [9, 3, 12, 1]


def encoder(name):
    kind = T5EncoderModel if name.startswith("t5") else AutoModel
    more = {"add_pooling_layer": False} if name.startswith(("bert", "roberta")) else {}
    model, info = kind.from_pretrained(BASES / name, attn_implementation="eager", dtype=torch.float32, output_loading_info=True, **more)
    assert not info["missing_keys"], info
    return model.eval()


def pool(states, mask, kind):
    if kind == "cls":
        return states[:, 0]
    if kind == "last":
        return states[torch.arange(len(states)), mask.sum(1) - 1]
    return (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)


def main():
    for name, pooling in CASES.items():
        torch.manual_seed(7)
        model = encoder(name)
        width = model.config.hidden_size
        ids = torch.zeros(len(LENGTHS), max(LENGTHS), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, n in enumerate(LENGTHS):
            ids[row, :n] = torch.randint(4, 40, (n,))
            mask[row, :n] = 1
        if name.startswith("roberta"):
            ids[mask == 0] = model.config.pad_token_id
        targets, weights = torch.tensor([1.0, 0.0, 0.95, 0.05]), torch.tensor([0.5, 0.125, 0.25, 0.125])
        head = torch.nn.Sequential(torch.nn.Linear(width, 5), torch.nn.GELU(), torch.nn.Linear(5, 1))
        keys = {f"layers.{i}.{kind}": getattr(head[2 * i], kind) for i in range(2) for kind in ("weight", "bias")}
        saved = {f"head.{k}": v.detach().clone() for k, v in keys.items()}
        own = {k: p for k, p in model.named_parameters()} | {f"head.{k}": p for k, p in keys.items()}

        def loss():
            states = model(input_ids=ids, attention_mask=mask).last_hidden_state
            z = head(pool(states, mask, pooling)).squeeze(-1)
            return (weights * torch.nn.functional.binary_cross_entropy_with_logits(z, targets, reduction="none")).sum()

        groups = [{"params": [p], "lr": 5e-3 if k.startswith("head.") else 1e-3, "weight_decay": 0.1 if p.dim() > 1 else 0.0}
                  for k, p in own.items()]
        adamw = torch.optim.AdamW(groups)
        for step in range(3):
            adamw.zero_grad()
            value = loss()
            value.backward()
            if step == 0:
                saved["loss"] = value.detach().clone()
                saved |= {f"grad.{k}": p.grad.clone() for k, p in own.items()}
            torch.nn.utils.clip_grad_norm_(own.values(), 0.5)
            adamw.step()
        saved |= {f"after.{k}": p.detach().clone() for k, p in own.items()}
        saved |= {"ids": ids.int(), "lengths": torch.tensor(LENGTHS, dtype=torch.int32), "targets": targets, "weights": weights}
        save_file({k: v.contiguous() for k, v in saved.items()}, HERE / f"{name}.safetensors")
        print(name, value.item(), len(own))


if __name__ == "__main__":
    main()
