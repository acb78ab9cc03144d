#include "app/model_config.hpp"

#include <catch2/catch.hpp>

#include "host/cli/toml.hpp"

using namespace strata;
using nlohmann::json;

namespace {

json configured(const std::string& config, const json& keys, double dropout = -1) {
  return app::configured(config, "config.json", keys.dump(), dropout, app::Log());
}

int64_t hidden(const std::string& config) {
  return app::hidden_size_of(source::Config(config, "config.json"));
}

}  // namespace

TEST_CASE("[config] replaces keys of config.json, by their path", "[host][config]") {
  const auto call = cli::find_command("plan")->call();
  cli::apply_toml(*call,
                  cli::parse_toml("[config]\nhidden_size = 12288\nmodel_type = 'a'\n"
                                  "[config.rope_parameters]\nrope_theta = 1e6",
                                  "run.toml"),
                  "run.toml");
  cli::apply_set(*call, "config.rope_parameters.rope_type=linear");
  cli::apply_set(*call, "config.num_hidden_layers=96");
  CHECK(configured(R"({"hidden_size": 9216, "ffn_dim": 36864,
                       "rope_parameters": {"rope_theta": 1e4, "factor": 2}})",
                   call->common().config_keys) ==
        json::parse(R"({"hidden_size": 12288, "ffn_dim": 36864, "model_type": "a",
                        "num_hidden_layers": 96,
                        "rope_parameters": {"rope_theta": 1e6, "factor": 2,
                                            "rope_type": "linear"}})"));
}

TEST_CASE("dropout is set under every key, also where the configuration leaves it to its class",
          "[host][config]") {
  const auto given = json::parse(
      R"({"dropout": 0.1, "attention_dropout": 0.2, "layerdrop": 0.3, "vocab_size": 3,
          "attn_config": {"attn_pdrop": 0.1, "alibi": true}})");
  const auto made = configured(given.dump(), json::object(), 0.5);
  for (const auto* key :
       {"dropout", "attention_dropout", "hidden_dropout", "activation_dropout", "attn_pdrop",
        "resid_pdrop", "embd_pdrop", "residual_dropout", "resid_dropout", "embed_dropout",
        "embedding_dropout", "hidden_dropout_prob", "attention_probs_dropout_prob"}) {
    INFO(key);
    CHECK(made.at(key) == 0.5);
  }
  CHECK(made.at("attn_config") == json::parse(R"({"attn_pdrop": 0.5, "alibi": true})"));
  CHECK(made.at("layerdrop") == 0.3);
  CHECK(configured(given.dump(), json::object()) == given);
  CHECK(configured("{}", {{"attn_pdrop", 0.25}}, 0.5).at("attn_pdrop") == 0.25);
}

TEST_CASE("without settings the configuration stays as it is", "[host][config]") {
  const std::string text = "{ \"a\": 1 }";
  CHECK(app::configured(text, "config.json", "", -1, app::Log()) == json::parse(text));
}

TEST_CASE("the hidden size has several names", "[host][config]") {
  CHECK(hidden(R"({"hidden_size": 64})") == 64);
  CHECK(hidden(R"({"hidden_size": 1, "text_config": {"hidden_size": 48}})") == 48);
  CHECK(hidden(R"({"n_embd": 32})") == 32);
  CHECK(hidden("{}") == 0);
}
