"""What PEFT makes of adapters: peft_logits.py BASE JOB, where JOB is a JSON file of {"adapters": [...], "rows": [[token, ...], ...]}.

Writes a JSON list, an adapter's logits each, row by row, to standard output, and saves each adapter again as ADAPTER-again.
"""
import json
import sys

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

base, job = sys.argv[1], json.load(open(sys.argv[2]))
result = []
for adapter in job["adapters"]:
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, attn_implementation="eager")
    model = PeftModel.from_pretrained(model, adapter).eval()
    with torch.no_grad():
        rows = [model(input_ids=torch.tensor([row])).logits[0].flatten().tolist() for row in job["rows"]]
    model.save_pretrained(adapter + "-again")
    result.append(rows)
json.dump(result, sys.stdout)
