"""opt: norms before and after, narrow and wide embeddings, optional weights, names."""

from row import Row
from stored import head_alone, with_head, without

TABLE = "model.decoder.embed_tokens.weight"
LAYER = "model.decoder.layers."


def row(name, flipped, counts=(), **more):
    """`more` are keys of the configuration, or of Row."""
    of_row = {key: more.pop(key) for key in list(more) if key in Row.__dataclass_fields__}
    config = {"model_type": "opt", "vocab_size": 256, "hidden_size": 48, "ffn_dim": 96,
              "num_hidden_layers": 3, "num_attention_heads": 6, "max_position_embeddings": 64,
              "word_embed_proj_dim": 48, **more}
    return Row(name, config, flipped, dict(counts), **of_row)


ROWS = [
    row("norms before, tied", "model.decoder.embed_positions.weight",
        {"activation_function": "gelu"}, every_tier=True),
    row("norms after, narrow embeddings, tied", "model.decoder.project_in.weight",
        {"do_layer_norm_before": True, "_remove_final_layer_norm": True},
        do_layer_norm_before=False, word_embed_proj_dim=20, every_tier=True),
    row("wide embeddings, an own head, 3 heads", "model.decoder.project_out.weight",
        {"activation_function": "relu"}, word_embed_proj_dim=64, tie_word_embeddings=False,
        num_attention_heads=3, activation_function="gelu", dtype="bfloat16", shards=3),
    row("no biases", LAYER + "2.fc2.weight", enable_bias=False, vocab_size=257, dtype="bfloat16",
        seed=1),
    row("norms without weights", LAYER + "0.self_attn.out_proj.weight",
        {"do_layer_norm_before": False}, layer_norm_elementwise_affine=False,
        _remove_final_layer_norm=True, shards=3),
    row("no biases, norms after without weights, 1 head", LAYER + "1.self_attn.q_proj.weight",
        {"do_layer_norm_before": True, "_remove_final_layer_norm": True}, enable_bias=False,
        layer_norm_elementwise_affine=False, do_layer_norm_before=False, num_attention_heads=1),
    row("no final norm, 12 heads, tanh", LAYER + "1.fc1.bias", {"activation_function": "relu"},
        _remove_final_layer_norm=True, num_attention_heads=12, activation_function="tanh",
        dtype="float16"),
    row("names without model.", "decoder." + "layers.2.self_attn.v_proj.weight",
        edit=without("model."), seed=1),
    row("tied, the head stored as well", LAYER + "0.final_layer_norm.weight",
        edit=with_head(TABLE)),
    row("tied, the head stored alone", LAYER + "1.self_attn_layer_norm.bias", vocab_size=331,
        edit=head_alone(TABLE)),
]
