"""bloom: both residuals, slopes of any head count, names."""

import gguf_file
from row import Row
from stored import head_alone, with_head, without

TABLE = "transformer.word_embeddings.weight"
LAYER = "transformer.h."
POST = "apply_residual_connection_post_layernorm"


def fused(heads):
    """Rows of q, then of k, then of v, of all heads."""
    def reorder(name, tensor):
        if "query_key_value" not in name:
            return tensor
        return tensor.unflatten(0, (heads, 3, -1)).transpose(0, 1).flatten(0, 2)
    return reorder


def gguf(heads, hidden, blocks):
    return lambda folder: gguf_file.write(folder, "bloom", {
        "block_count": 3, "embedding_length": hidden, "feed_forward_length": 4 * hidden,
        "context_length": 64, "attention.head_count": heads, "vocab_size": 256,
        "attention.layer_norm_epsilon": 1e-5}, blocks, fused(heads))


def row(name, flipped, heads, hidden=48, counts=(), **more):
    """`more` are keys of the configuration, or of Row."""
    of_row = {key: more.pop(key) for key in list(more) if key in Row.__dataclass_fields__}
    config = {"model_type": "bloom", "vocab_size": 256, "hidden_size": hidden, "n_layer": 3,
              "n_head": heads, **more}
    return Row(name, config, flipped, dict(counts), **of_row)


ROWS = [
    row("8 heads, tied", LAYER + "0.self_attention.query_key_value.weight", 8,
        counts={"n_head": 4}, every_tier=True),
    row("6 heads, residuals of norms", "transformer.word_embeddings_layernorm.weight", 6,
        counts={POST: False}, **{POST: True}, every_tier=True),
    row("3 heads, an own head", "lm_head.weight", 3, counts={POST: True},
        tie_word_embeddings=False, dtype="bfloat16", shards=3, seed=1),
    row("1 head", LAYER + "1.mlp.dense_h_to_4h.weight", 1, counts={"layer_norm_epsilon": 0.5},
        layer_norm_epsilon=1e-3, vocab_size=257),
    row("11 heads", TABLE, 11, hidden=44, counts={"n_head": 4}, dtype="bfloat16"),
    row("12 heads, products by slices", LAYER + "2.mlp.dense_4h_to_h.weight", 12,
        counts={"slow_but_exact": False}, slow_but_exact=True, pretraining_tp=2, shards=3),
    row("14 heads, residuals of norms", LAYER + "2.self_attention.dense.bias", 14, hidden=56,
        counts={POST: False}, **{POST: True}, dtype="float16"),
    row("names without transformer.", "h.1.input_layernorm.bias", 6, edit=without("transformer.")),
    row("tied, the head stored as well", LAYER + "0.post_attention_layernorm.weight", 4,
        edit=with_head(TABLE)),
    row("tied, the head stored alone", LAYER + "1.self_attention.query_key_value.bias", 4,
        vocab_size=331, edit=head_alone(TABLE)),
    row("6 heads, Q8_0", "blk.1.attn_qkv.weight", 6, hidden=96,
        gguf=gguf(6, 96, gguf_file.BLOCKS.Q8_0)),
    row("5 heads, Q4_1", "blk.2.ffn_down.weight", 5, hidden=160,
        gguf=gguf(5, 160, gguf_file.BLOCKS.Q4_1)),
]
