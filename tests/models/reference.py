"""The results of transformers for a folder, in float32."""

import copy

import torch
import transformers


class Reference:
    """Each answer comes from a model of its own, because some models keep state between calls (dynamic
    rope)."""

    def __init__(self, folder, gguf=None, attention="eager"):
        self.model = transformers.AutoModelForCausalLM.from_pretrained(
            folder, gguf_file=gguf, dtype=torch.float32, attn_implementation=attention).eval()
        self.model.generation_config.eos_token_id = None

    def logits(self, ids):
        """The logits, [S,V]."""
        with torch.no_grad():
            return copy.deepcopy(self.model)(torch.tensor([ids])).logits[0].numpy()

    def greedy(self, ids, count):
        """The tokens, and for each the distance of the best logit from the next, relative to the largest
        one."""
        prompt = torch.tensor([ids])
        out = copy.deepcopy(self.model).generate(
            prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=count,
            output_logits=True, return_dict_in_generate=True, pad_token_id=0)
        margins = []
        for logits in out.logits:
            best = logits[0].topk(2).values
            margins.append(float((best[0] - best[1]) / logits.abs().max()))
        return out.sequences[0, len(ids):].tolist(), margins

    def under(self, config):
        """The same weights under another configuration."""
        other = copy.copy(self)
        other.model = type(self.model)(config).eval()
        other.model.load_state_dict(self.model.state_dict())
        return other
