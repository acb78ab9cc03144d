#include "core/adapter/modules.hpp"

#include <catch2/catch.hpp>

#include "tests/sdk/core/adapter/units.hpp"

using namespace strata;

TEST_CASE("a module is found by transformers' name, older and prefixed ones", "[adapter]") {
  auto units = declared::mixture();
  units[2].weights[0].name = "model.layers.0.block_sparse_moe.gate.weight";
  units[2].weights[0].also = "model.layers.0.mlp.gate.weight";
  const adapter::Modules modules(units, false);
  for (const auto* name :
       {"model.layers.0.mlp.gate", "model.layers.0.block_sparse_moe.gate", "layers.0.mlp.gate"}) {
    const auto found = modules.find(name);
    REQUIRE(found);
    CHECK(found->name == "model.layers.0.mlp.gate");
    CHECK(found->router);
    CHECK(found->uses.at(0).weight == units[2].weights[0].name);
  }
  const auto expert = modules.find("model.layers.0.mlp.experts.1.up_proj");
  REQUIRE(expert);
  CHECK(expert->uses.at(0).weight == "model.layers.0.mlp.experts.1.up_proj.weight");
  CHECK(expert->out == 6);
  for (const auto* name : {"model.layers.0.mlp.experts.2.up_proj", "model.layers.1.mlp.gate",
                           "model.norm", "", "model.layers.0.mlp.experts.{}.up_proj"})
    CHECK_FALSE(modules.find(name));
}

TEST_CASE("a parameter of experts is a share of each one's weights", "[adapter]") {
  const auto by_turns = GENERATE(false, true);
  auto units = declared::mixture();
  for (auto& weight : units[2].weights) weight.by_turns = by_turns && weight.group != 0;
  const adapter::Modules modules(units, false);
  const auto stacked = modules.parameters("model.layers.0.mlp.experts");
  REQUIRE(stacked.size() == 2);
  CHECK(stacked[0]->name == "model.layers.0.mlp.experts.gate_up_proj");
  CHECK(stacked[0]->out == 12);
  CHECK(stacked[0]->experts == 2);
  CHECK(stacked[1]->name == "model.layers.0.mlp.experts.down_proj");
  const auto& up = stacked[0]->uses.at(3);
  CHECK(up.weight == "model.layers.0.mlp.experts.1.up_proj.weight");
  CHECK(up.expert == 1);
  CHECK(up.first == (by_turns ? 1 : 6));
  CHECK(up.step == (by_turns ? 2 : 1));
  CHECK(up.count == 6);
  CHECK(modules.parameters("model.layers.0.mlp").empty());
}

TEST_CASE("the head of a tied table is a module of its own", "[adapter]") {
  auto units = declared::mixture();
  units[3].weights[1].name = "model.embed_tokens.weight";
  const adapter::Modules modules(units, true);
  CHECK(modules.find("lm_head")->kind == adapter::Kind::head);
  const auto table = modules.find("model.embed_tokens");
  CHECK(table->kind == adapter::Kind::table);
  CHECK(table->in == 20);
  CHECK(table->out == 8);
}
