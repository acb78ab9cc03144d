// Uses <strata/app.hpp> as a program of one's own does, and prints what generator_test.py compares.
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <strata/app.hpp>

namespace {

using namespace strata::app;
using Json = nlohmann::json;

// The words of the exception that `use` throws; "" if it throws none.
template <class Use>
std::string refusal(Use&& use) {
  try {
    use();
    return "";
  } catch (const std::exception& error) {
    return error.what();
  }
}

RunOptions on_the_cpu() {
  RunOptions out;
  out.device = "cpu";
  return out;
}

Json ids_of(const std::vector<Generated>& all) {
  auto out = Json::array();
  for (const auto& one : all) out.push_back(one.ids);
  return out;
}

Json refusals(const ModelOptions& model, Generator& generator) {
  const auto opened = [&](const RunOptions& run, const Capacity& capacity) {
    return refusal([&] { Generator(model, run, capacity); });
  };
  const auto generated = [&](const GenerateOptions& options) {
    return refusal([&] { generator.generate({{1, 2}}, options); });
  };
  auto odd = on_the_cpu();
  odd.dtype = "int3";
  GenerateOptions nucleus, stop;
  nucleus.sampling.top_p = 2;
  stop.stop = {""};
  return {{"dtype", opened(odd, {})},
          {"capacity", opened(on_the_cpu(), {.tokens = 0})},
          {"top_p", generated(nucleus)},
          {"stop", generated(stop)},
          {"long", generated({.max_new_tokens = 4000})},
          {"id", refusal([&] { generator.generate({{1000000}}); })},
          {"empty", refusal([&] { generator.generate({{}}); })},
          {"trace", refusal([&] { generator.write_trace("trace.json"); })},
          {"model", refusal([&] { Generator({.model = "/no/such"}); })}};
}

}  // namespace

// generator-driver MODEL: its prompts are fixed.
int main(int, char** argv) {
  const ModelOptions model{.model = argv[1]};
  Generator generator(model, on_the_cpu(), {.sequences = 2, .tokens = 64, .all_logits = true});
  const std::vector<std::vector<std::int32_t>> prompts{{5, 6, 7, 8}, {9, 10}};
  const GenerateOptions eight{.max_new_tokens = 8};
  Json out;
  out["ids"] = ids_of(generator.generate(prompts, eight));
  out["logits"] = generator.logits(prompts[0]);
  // Another one that lives and ends meanwhile leaves this one as it was.
  {
    Generator other(model, on_the_cpu(), {.sequences = 2, .tokens = 64});
    out["other"] = ids_of(other.generate(prompts, eight));
  }
  out["again"] = ids_of(generator.generate(prompts, eight));
  std::string text, nested, thrown;
  out["text"] = generator
                    .generate({prompts[0]}, eight,
                              [&](std::size_t, std::string_view piece) {
                                text += piece;
                                nested = refusal([&] { generator.generate(prompts, eight); });
                              })[0]
                    .text;
  out["pieces"] = text;
  out["nested"] = nested;
  out["thrown"] = refusal([&] {
    generator.generate({prompts[0]}, eight,
                       [](std::size_t, std::string_view) { throw std::runtime_error("mine"); });
  });
  out["after"] = ids_of(generator.generate(prompts, eight));
  out["chat"] = generator.encode_chat({{"user", "a\t\"b\""}});
  out["refusals"] = refusals(model, generator);
  out["report"] = Json::parse(generator.report());
  std::cout << out << std::endl;
}
