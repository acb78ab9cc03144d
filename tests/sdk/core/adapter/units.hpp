// Units as families declare them.
#pragma once
#include <string>
#include <vector>

#include "core/shape/declared.hpp"

namespace declared {

using strata::shape::DeclaredUnit, strata::shape::DeclaredWeight;

// An embedding, one layer with attention and two experts of [6,8] and [8,6] behind a router, a
// head; 20 tokens. The names are olmoe's.
inline std::vector<DeclaredUnit> mixture() {
  const std::string layer = "model.layers.0.";
  const std::string stack = layer + "mlp.experts.";
  const auto expert = [&](const char* name, std::vector<int64_t> shape, const char* also) {
    return DeclaredWeight{.name = stack + "{}." + name + ".weight",
                          .shape = std::move(shape),
                          .group = also == std::string("gate_up_proj") ? 2u : 0u,
                          .experts = 2,
                          .also = stack + also};
  };
  return {{"embedding",
           STRATA_UNIT_EMBEDDING,
           {{.name = "model.embed_tokens.weight", .shape = {20, 8}, .role = STRATA_TABLE}}},
          {"attention",
           STRATA_UNIT_BODY,
           {{.name = layer + "input_layernorm.weight", .shape = {8}, .role = STRATA_VECTOR},
            {.name = layer + "self_attn.q_proj.weight", .shape = {8, 8}, .group = 1},
            {.name = layer + "self_attn.k_proj.weight", .shape = {4, 8}, .group = 1}}},
          {"mlp",
           STRATA_UNIT_BODY,
           {{.name = layer + "mlp.gate.weight", .shape = {2, 8}, .role = STRATA_ROUTER},
            expert("gate_proj", {6, 8}, "gate_up_proj"),
            expert("up_proj", {6, 8}, "gate_up_proj"),
            expert("down_proj", {8, 6}, "down_proj")}},
          {"head",
           STRATA_UNIT_HEAD,
           {{.name = "model.norm.weight", .shape = {8}, .role = STRATA_VECTOR},
            {.name = "lm_head.weight", .shape = {20, 8}, .role = STRATA_HEAD}}}};
}

}  // namespace declared
