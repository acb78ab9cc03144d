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

TEST_CASE("dropout is set where the configuration has it, and nowhere else", "[host][config]") {
  CHECK(configured(R"({"dropout": 0.1, "attention_dropout": 0.2, "layerdrop": 0.3})",
                   json::object(), 0) ==
        json::parse(R"({"dropout": 0.0, "attention_dropout": 0.0, "layerdrop": 0.3})"));
  CHECK(configured(R"({"hidden_dropout": 0.1, "activation_dropout": 0.1})", json::object(), 0) ==
        json::parse(R"({"hidden_dropout": 0.0, "activation_dropout": 0.0})"));
  CHECK(configured(R"({"vocab_size": 3})", json::object(), 0) ==
        json::parse(R"({"vocab_size": 3})"));
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
