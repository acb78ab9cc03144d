// The mapping from a GGUF file of one architecture to a checkpoint with Hugging Face names. It is
// data of the family's manifest, under its key "gguf":
//
//   {ARCHITECTURE or ARCHITECTURE+KEY or                for files whose metadata KEY is above 0,
//    ARCHITECTURE+KEY=NUMBER: {                         or is NUMBER, or with a tensor KEY
//     "model_type": "...", "architectures": ["..."],      written to config.json as they are
//     "config": {KEY: RULE, ...},                         KEY of config.json, "a.b" within
//                                                         an object; RULE as below
//     "equal": [["a", "b"], ...],                         metadata that must agree if both exist
//     "rope": {"prefix": "ARCHITECTURE.rope", "factors": "TENSOR",   factors of all lengths
//              "short": "TENSOR", "long": "TENSOR",                  or of short and long texts
//              "truncate": false,          yarn's, which the file does not have
//              "mscale": 0.1},             the file's yarn_log_multiplier over mscale_all_dim
//     "names": {"model.layers.{}.x.weight": "blk.{}.y.weight", ...},   {}: numbers
//     "permuted": {"model.layers.{}.x.weight": "num_attention_heads"},   KEY with the heads' count
//     "fused": {"model.layers.{}.qkv.weight": "num_attention_heads",     or, of groups:
//               "h.{}.qkv.weight": ["num_attention_heads", "num_kv_heads"]},
//     "added": {"model.norm.weight": 1},
//     "one_row": ["model.layers.{}.gate.weight"],
//     "turned": ["h.{}.c_fc.weight"],
//     "joined": {"model.layers.{}.kv.weight": ["model.layers.{}.k.weight",
//                                              "model.layers.{}.v.weight"]},
//     "like": "ARCHITECTURE"}}                            begins with all keys of that one
//
// {arch} in a value is the architecture. A mapping that is like another one replaces values of that
// one by its own under the same key; null removes the key.
// names: a file's name may be several, "a|b". Where the checkpoint's name has one {} more, that is
// the number of an expert, and the file's tensor has all experts as slices along its first axis.
// permuted: the file has a head's rotary pairs side by side, the checkpoint has them as halves.
// fused: the file has q of all heads, then k, then v; the checkpoint has, for each head of k, its
// queries, its key and its value. added: each element of a vector is so much larger in the file
// than in the checkpoint. one_row: [n] in the file, [1,n] in the checkpoint. turned (transposed):
// [out,in] in the file, [in,out] in the checkpoint. joined: where the file has these tensors, each
// [heads,rows,columns], the checkpoint has one matrix: for each head the rows of the first, then
// those of the next. Turned ones are [heads,columns,rows].
//
// A RULE gives the first of these that it has and for which the file has a value; without a value
// {"optional": true} leaves the key out, {"null": true} gives null, and any other rule is an error:
//   {"key": "a|b"}      the metadata value of the first key that exists
//   {"count": "a"}      the length of a metadata list
//   {"present": "t"}    whether the file has tensor t; {"absent": "t"}: whether it lacks t
//   {"times": ["a"], "over": ["b"]}   the product of metadata values, divided by that of others;
//                       with "only": {"c": 46} where the metadata c has that value
//   {"key": "a", "minus": "b"}   the one value less the other
//   {"same": KEY}       the value of config.json under KEY, which is earlier by name
//   {"default": value}  the value
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/json.hpp"

namespace strata::source {

struct GgufRule {
  std::vector<std::string> keys, times, over;
  std::map<std::string, std::int64_t> only;
  std::string count, present, absent, same, minus;
  std::optional<std::string> fallback;  // JSON text
  bool optional = false, null = false;
};

// Keys of config.json.
struct GgufHeads {
  std::string heads, kv_heads;
};

struct GgufMapping {
  std::string architecture, model_type;
  std::vector<std::string> architectures, one_row, transposed;
  std::map<std::string, GgufRule> config;
  std::vector<std::pair<std::string, std::string>> equal;
  std::string rope_prefix, rope_factors, rope_short, rope_long;  // empty: the family has none
  bool rope_truncate = true;
  double rope_mscale = 0;                       // 0: the file has none
  std::map<std::string, std::string> names;     // the file's name to the checkpoint's, with {}
  std::map<std::string, std::string> permuted;  // the checkpoint's name to a key of config.json
  std::map<std::string, GgufHeads> fused;
  std::map<std::string, double> added;
  std::map<std::string, std::vector<std::string>> joined;
};

using GgufMappings = std::map<std::string, GgufMapping, std::less<>>;

// The value of a manifest's key "gguf"; `who` names the manifest in errors. Refuses unknown keys.
GgufMappings gguf_mappings(const Json& value, std::string_view who);

// The checkpoint's name of a tensor, with the {} of its experts, and the pattern that gave it;
// empty where nothing matches.
struct MappedName {
  std::string name, pattern;
};
MappedName mapped_name(const GgufMapping& mapping, std::string_view name);

// Returns `to` with the numbers that `name` has in the places of {} in `from`; empty where `name`
// does not match.
std::string renamed(std::string_view from, std::string_view name, std::string to);

}  // namespace strata::source
