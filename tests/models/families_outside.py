"""Why a causal language model of transformers is not served."""

# Names under which transformers finds a class whose checkpoints say another model_type.
THEIRS = {"gpt-sw3": "gpt2"}

REASONS = {
    "the decoder of a model with an encoder":
        "bart bigbird_pegasus blenderbot blenderbot-small marian mbart mvp pegasus plbart prophetnet "
        "trocr whisper",
    "an encoder whose class can be made a decoder, with token types and a head of several layers":
        "bert bert-generation big_bird camembert data2vec-text electra ernie megatron-bert rembert "
        "roberta roberta-prelayernorm roc_bert roformer xlm-roberta xlm-roberta-xl xmod",
    "not one pass from left to right: permuted, reversible or segmented text":
        "cpmant reformer xlm xlnet",
    "more than text goes in":
        "emu3 fuyu gemma3 gemma4 gemma4_assistant gemma4_unified gemma4_unified_assistant git got_ocr2 "
        "llama4 mllama moshi musicgen musicgen_melody phi4_multimodal qwen3_5 qwen3_5_moe qwen4_exp "
        "dots3_note moss_transcribe_diarize",
    "recurrent layers: state-space, linear or gated attention, convolutions":
        "bamba falcon_h1 falcon_mamba granitemoehybrid jamba kimi_linear lfm2 lfm2_moe mamba mamba2 "
        "minimax nemotron_h olmo_hybrid qwen3_5_moe_text qwen3_5_text qwen3_next qwen4_exp_text "
        "recurrent_gemma rwkv xlstm zamba zamba2 inkling_text bailing_hybrid "
        "inkling2_loop_text inkling2_text lara_mini lfm3",
    "two attentions and two mlps in a layer, and experts that give back what they take":
        "longcat_flash",
    "what attention gives is multiplied by a gate":
        "afmoe hrm_text laguna beam dory",
    "the router draws from scores masked one by one (sparsemixer)":
        "phimoe",
    "experts for attention's queries":
        "jetmoe",
    "experts in one matrix, [experts * width,hidden], of which down is stored the other way round":
        "dbrx",
    "experts stored as [experts,in,out] with gate and up fused":
        "aria_text",
    "what experts give is averaged with the mlp beside them":
        "cohere2_moe",
    "an activation with learned weights (xielu)":
        "apertus apertus1p5_text",
    "a norm between attention and its output, and within the mlp":
        "bitnet",
    "the difference of two attentions":
        "diffllama",
    "a mask that is computed from the values, and experts found by keys":
        "doge",
    "positions as sines that no weight holds":
        "ctrl xglm",
    "the queries, values and keys lie in four blocks":
        "codegen",
    "a bias of attention's output that the last layer alone has, under a name of its own":
        "gpt_neox_japanese",
    "heads that turn the other way":
        "nanochat",
    "the scale of attention grows with the position":
        "ministral3",
    "bytes in patches of their own":
        "blt",
    "embeddings of each layer, and inputs that layers share":
        "gemma3n gemma3n_text gemma4_text gemma4_unified_text",
    "attention in chunks, and queries scaled by position":
        "llama4_text",
    "an index chooses the keys that a token sees":
        "axk2 deepseek_v32 glm_moe_dsa minimax_m3_vl_text dots3_note_text",
    "layers that mix several streams (hyper-connections)":
        "deepseek_v4 hy_v4",
    "the bias of the experts' choice is added before the sigmoid":
        "kolibri1",
    "convolutions over keys, and a router of several layers":
        "zaya",
    "a head of several layers":
        "modernbert-decoder",
    "a text model within one for images, with heads that turn in sections":
        "cohere_compass_text",
}

OUTSIDE = {name: reason for reason, names in REASONS.items() for name in names.split()}
