"""What torch and transformers make of new models: full_updates.py JOB, where JOB is a JSON file of
{"models": [folder, ...], "rows": [[[token, ...], ...], ...] (a model each), "text": text, "steps": n, "lr", "beta1", "beta2", "eps",
"decay", "clip"}.

Writes to standard output a JSON list, an object a model: "losses" of so many updates of all weights by AdamW, no decay on
vectors, and "ids" that its tokenizer gives the text.
"""
import json
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

torch.set_num_threads(1)  # the models are tiny
job = json.load(open(sys.argv[1]))
result = []
for folder, rows in zip(job["models"], job["rows"]):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    params = list(model.parameters())
    optimizer = torch.optim.AdamW(
        [{"params": [p for p in params if p.ndim > 1], "weight_decay": job["decay"]},
         {"params": [p for p in params if p.ndim == 1], "weight_decay": 0.0}],
        lr=job["lr"], betas=(job["beta1"], job["beta2"]), eps=job["eps"])
    ids = torch.tensor(rows)
    losses = []
    for _ in range(job["steps"]):
        loss = model(input_ids=ids, labels=ids).loss
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(params, job["clip"])
        optimizer.step()
    result.append({"losses": losses, "ids": AutoTokenizer.from_pretrained(folder).encode(job["text"])})
json.dump(result, sys.stdout)
