#include "core/run/sampler.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/error.hpp"
#include "core/run/generation_config.hpp"
#include "tests/sdk/core/source/made.hpp"

using namespace strata::run;

TEST_CASE("the generator gives the published answers of Philox 4x32-10", "[run][sampler]") {
  const auto expected = [](uint64_t first, uint64_t second) {
    return static_cast<double>((first << 32 | second) >> 11) * 0x1p-53;
  };
  REQUIRE(uniform(0, 0, 0) == expected(0x6627e8d5, 0xe169c58d));
  const auto ones = ~uint64_t{0};
  REQUIRE(uniform(ones, ones, ones) == expected(0x408f276d, 0x41c83b0e));
  REQUIRE(uniform(0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88) ==
          expected(0xd16cfe09, 0x94fdcceb));
}

TEST_CASE("numbers of neighbouring seeds, rows and steps are even and apart", "[run][sampler]") {
  for (const int which : {0, 1, 2}) {
    std::vector<int> counts(50, 0);
    constexpr int draws = 100'000;
    for (uint64_t n = 0; n < draws; ++n) {
      const double u = uniform(which == 0 ? n : 5, which == 1 ? n : 5, which == 2 ? n : 5);
      REQUIRE(u >= 0);
      REQUIRE(u < 1);
      ++counts[static_cast<std::size_t>(u * 50)];
    }
    double chi = 0;
    for (const auto count : counts) chi += std::pow(count - draws / 50.0, 2) / (draws / 50.0);
    REQUIRE(chi < 100);  // of 49 degrees of freedom: 1 in 50,000 is above
  }
}

TEST_CASE("what is drawn follows what transformers' processors leave, draw by draw",
          "[run][sampler]") {
  const made::Folder folder;
  made::python("sampler_cases.py", {folder.path("cases.json")});
  const auto cases = nlohmann::json::parse(made::read(folder.path("cases.json"))).at("cases");
  REQUIRE(cases.size() == 192);
  for (const auto& c : cases) {
    const auto logits = c["logits"].get<std::vector<float>>();
    const auto seen = c["seen"].get<std::vector<int32_t>>();
    const auto left = c["probabilities"].get<std::vector<double>>();
    const Sampling sampling{.temperature = c["temperature"],
                            .top_k = c["top_k"],
                            .top_p = c["top_p"],
                            .min_p = c["min_p"],
                            .typical_p = c["typical_p"],
                            .repetition_penalty = c["penalty"],
                            .no_repeat_ngram = c["ngram"],
                            .suppress = c["suppress"].get<std::vector<int32_t>>(),
                            .suppress_first = c["suppress_first"].get<std::vector<int32_t>>(),
                            .seed = 11};
    Sampler sampler(sampling);
    // The inverse of the cumulative distribution, the likeliest first.
    std::vector<std::size_t> order(left.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, std::greater{}, [&](std::size_t id) { return left[id]; });
    LogitsProcess process(sampling);
    const auto processed = process.scores(logits, seen, c["prompt"]);
    for (std::size_t id = 0; id < left.size(); ++id) {
      REQUIRE((processed[id] == -INFINITY) == c["scores"][id].is_null());
      if (!c["scores"][id].is_null()) REQUIRE(processed[id] == c["scores"][id].get<float>());
    }
    int compared = 0;
    for (uint64_t step = 0; step < 400; ++step) {
      const double draw = uniform(11, 3, step);
      double sum = 0, nearest = 1;
      std::size_t expected = order.front();
      bool found = false;
      for (const auto id : order) {
        if (left[id] == 0) break;
        sum += left[id];
        nearest = std::min(nearest, std::abs(sum - draw));
        if (!found && draw < sum) expected = id, found = true;
      }
      const auto id = static_cast<std::size_t>(sampler.next(logits, seen, c["prompt"], 3, step));
      REQUIRE(left[id] > 0);
      if (nearest < 1e-5) continue;  // two roundings of one boundary
      REQUIRE(id == expected);
      ++compared;
    }
    REQUIRE(compared > 350);
  }
}

TEST_CASE("a generation_config.json leaves the scores that transformers leaves", "[run][sampler]") {
  const made::Folder folder;
  made::python("sampler_cases.py", {folder.path("cases.json")});
  const auto cases = nlohmann::json::parse(made::read(folder.path("cases.json"))).at("configured");
  REQUIRE(cases.size() == 168);
  for (const auto& c : cases) {
    INFO(c.dump());
    std::vector<float> logits;
    for (const auto& logit : c["logits"])
      logits.push_back(logit.is_null()     ? NAN
                       : logit == "inf"    ? INFINITY
                       : logit.is_string() ? -INFINITY
                                           : logit.get<float>());
    auto config = parse_generation_config(c["config"].dump(), "generation_config.json");
    REQUIRE(config.ignored.empty());
    config.sampling.temperature = c["temperature"];
    config.sampling.ends = c["ends"].get<std::vector<int32_t>>();
    config.sampling.new_tokens = c["new_tokens"];
    LogitsProcess process(config.sampling);
    const auto seen = c["seen"].get<std::vector<int32_t>>();
    const auto scores = process.scores(logits, seen, c["prompt"]);
    for (std::size_t id = 0; id < scores.size(); ++id) {
      INFO(id);
      REQUIRE((scores[id] == -INFINITY) == c["scores"][id].is_null());
      if (!c["scores"][id].is_null())
        REQUIRE(scores[id] ==
                (c["scores"][id].is_string() ? INFINITY : c["scores"][id].get<float>()));
    }
  }
}

TEST_CASE("a generation_config.json's other keys are named where they ask for something",
          "[run][sampler]") {
  const auto parse = [](const std::string& text) {
    return parse_generation_config(text, "generation_config.json");
  };
  const auto config =
      parse(R"({"num_beams": 4, "guidance_scale": 1.5, "made_up": 3, "dola_layers": "low",
    "length_penalty": 1.0, "early_stopping": false, "watermarking_config": {}, "constraints": null,
    "use_cache": false, "transformers_version": "5.17", "encoder_repetition_penalty": 2})");
  REQUIRE(config.ignored == std::vector<std::string>{"dola_layers", "encoder_repetition_penalty",
                                                     "guidance_scale", "made_up", "num_beams",
                                                     "watermarking_config"});
  REQUIRE_FALSE(config.temperature);
  REQUIRE(parse(R"({"do_sample": true})").temperature == 1.0);
  REQUIRE(parse(R"({"do_sample": true, "temperature": 0.6})").temperature == 0.6);
  REQUIRE(parse(R"({"stop_strings": "a"})").stops == std::vector<std::string>{"a"});
  REQUIRE(parse(R"({"stop_strings": ["a", "b"]})").stops == std::vector<std::string>{"a", "b"});
  for (const auto* bad :
       {R"({"bad_words_ids": [[]]})", R"({"bad_words_ids": [[-1]]})",
        R"({"bad_words_ids": [["a"]]})", R"({"sequence_bias": [[[1]]]})",
        R"({"sequence_bias": [[1, "x"]]})", R"({"max_length": 0})", R"({"stop_strings": [""]})",
        R"({"stop_strings": [1]})", R"({"forced_eos_token_id": [1.5]})",
        R"({"exponential_decay_length_penalty": [1, 0]})"}) {
    INFO(bad);
    REQUIRE_THROWS_AS(parse(bad), strata::Error);
  }
}

TEST_CASE("without a temperature the first of the largest logits is taken", "[run][sampler]") {
  Sampler sampler({});
  REQUIRE(sampler.next(std::vector<float>{-1, 4, 2, 4}, {}, 0, 0, 0) == 1);
  Sampler penalized({.repetition_penalty = 3});
  const std::vector<int32_t> seen{1, 1};
  REQUIRE(penalized.next(std::vector<float>{-1, 4, 2, 3.5F}, seen, 2, 0, 0) == 3);
  const std::vector<int32_t> negative{0};
  REQUIRE(penalized.next(std::vector<float>{-1, -4, -5, -1.5F}, negative, 1, 0, 0) == 3);
}
