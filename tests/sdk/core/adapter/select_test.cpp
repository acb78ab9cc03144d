#include "core/adapter/select.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "core/json.hpp"
#include "tests/sdk/core/adapter/units.hpp"
#include "tests/sdk/core/source/made.hpp"

using namespace strata;

namespace {

std::vector<std::string> chosen(const adapter::Modules& modules, std::string_view targets) {
  std::vector<std::string> out;
  for (const auto& one : adapter::select(modules, targets)) out.push_back(one.name);
  return out;
}

}  // namespace

TEST_CASE("all-linear are the layers that PEFT chooses", "[adapter]") {
  const made::Folder folder;
  made::python("all_linear.py", {folder.path("names.json")});
  // The units of opt with a table narrower than the hidden state, and learned positions.
  std::vector<shape::DeclaredUnit> units;
  const std::string layer = "model.decoder.layers.0.";
  units.push_back(
      {"embedding",
       STRATA_UNIT_EMBEDDING,
       {{.name = "model.decoder.embed_tokens.weight", .shape = {20, 4}, .role = STRATA_TABLE},
        {.name = "model.decoder.embed_positions.weight", .shape = {18, 8}},
        {.name = "model.decoder.project_in.weight", .shape = {8, 4}}}});
  units.push_back({"layer", STRATA_UNIT_BODY, {}});
  for (const auto* name : {"self_attn.k_proj", "self_attn.v_proj", "self_attn.q_proj",
                           "self_attn.out_proj", "fc1", "fc2"})
    units[1].weights.push_back({.name = layer + name + ".weight", .shape = {8, 8}});
  units[1].weights.push_back(
      {.name = layer + "final_layer_norm.weight", .shape = {8}, .role = STRATA_VECTOR});
  units.push_back(
      {"head",
       STRATA_UNIT_HEAD,
       {{.name = "model.decoder.project_out.weight", .shape = {4, 8}},
        {.name = "model.decoder.embed_tokens.weight", .shape = {20, 4}, .role = STRATA_HEAD}}});
  auto made = chosen(adapter::Modules(units, true), "all-linear");
  std::ranges::sort(made);
  CHECK(Json(made) == parse_json(made::read(folder.path("names.json")), "names"));
}

TEST_CASE("modules are named, or matched by a pattern", "[adapter]") {
  const auto units = declared::mixture();
  const adapter::Modules modules(units, false);
  const std::string at = "model.layers.0.";
  using Names = std::vector<std::string>;
  CHECK(chosen(modules, "q_proj, experts.down_proj") ==
        Names{at + "self_attn.q_proj", at + "mlp.experts.down_proj"});
  CHECK(chosen(modules, R"(.*\.(q|k)_proj)") ==
        Names{at + "self_attn.q_proj", at + "self_attn.k_proj"});
  CHECK(chosen(modules, "lm_head") == Names{"lm_head"});
  CHECK(chosen(modules, "all-linear") == Names{at + "self_attn.q_proj", at + "self_attn.k_proj",
                                               at + "mlp.gate", at + "mlp.experts.gate_up_proj",
                                               at + "mlp.experts.down_proj"});
  REQUIRE_THROWS_AS(chosen(modules, "q_porj"), UsageError);
  REQUIRE_THROWS_WITH(chosen(modules, "k_proj,q_porj"),
                      Catch::StartsWith("--lora-targets: 'q_porj' is no module of this model: the "
                                        "nearest modules are 'q_proj'"));
  REQUIRE_THROWS_WITH(chosen(modules, "x[0-9]"),
                      Catch::Contains("'x[0-9]' matches no module of this model"));
  REQUIRE_THROWS_WITH(chosen(modules, " , "), Catch::Contains("names no module"));
  // The remedy is that of an option, not of an adapter's file.
  const auto is_usage = [](const Error& error) { return error.status() == Exit::usage; };
  REQUIRE_THROWS_MATCHES(chosen(modules, "(q_proj"), Error, Catch::Predicate<Error>(is_usage));
  REQUIRE_THROWS_WITH(chosen(modules, "(q_proj"),
                      Catch::StartsWith("--lora-targets: '(q_proj' is no pattern: ") &&
                          Catch::EndsWith(": write it as Python reads it"));
}
