"""Updates of a LoRA adapter with torch and PEFT, as train's BenchmarkStep makes them: peer_lora.py MODEL [STEPS]."""
import json
import sys
import time

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32)
model = get_peft_model(model, LoraConfig(r=16, lora_alpha=32, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=2e-4)
ids = torch.tensor([[1000 + (i * 131 + k * 17) % 40000 for k in range(128)] + [1000 + (i * 37 + k * 29) % 40000 for k in range(128)] for i in range(4)])
labels = ids.clone()
labels[:, :128] = -100


def step():
    loss = model(input_ids=ids, labels=labels).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


step()
steps = int(sys.argv[2]) if len(sys.argv) > 2 else 5
begun = time.time()
for _ in range(steps):
    loss = step()
seconds = (time.time() - begun) / steps
print(json.dumps({"seconds": seconds, "tokens_per_second": 4 * 256 / seconds, "loss": loss}))
