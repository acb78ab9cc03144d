#include "host/commands/generate_results.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "app/ends.hpp"
#include "host/process/output.hpp"

namespace strata::host {
namespace {

nlohmann::json json_of(const std::vector<run::TokenLogprobs>& tokens,
                       const std::vector<int32_t>& ids) {
  auto out = nlohmann::json::array();
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    auto top = nlohmann::json::array();
    for (const auto& one : tokens[i].top) top.push_back({{"id", one.id}, {"logprob", one.logprob}});
    out.push_back({{"id", ids[i]}, {"logprob", tokens[i].logprob}, {"top", top}});
  }
  return out;
}

}  // namespace

nlohmann::json json_of(const run::GenerateRequest& request, const run::GenerateResult& result,
                       const std::optional<app::NewText>& text) {
  nlohmann::json out{
      {"output_ids", result.tokens},
      {"text", text ? text->texts() : std::vector<std::string>(result.tokens.size())},
      {"finish_reason", nlohmann::json::array()},
      {"prompt_tokens", nlohmann::json::array()}};
  if (text) out["token_texts"] = text->pieces();
  for (const auto finish : result.finishes)
    out["finish_reason"].push_back(app::finish_text(finish));
  for (const auto& prompt : request.prompts) out["prompt_tokens"].push_back(prompt.size());
  for (std::size_t row = 0; row < result.logprobs.size(); ++row)
    out["logprobs"].push_back(json_of(result.logprobs[row], result.tokens[row]));
  return out;
}

void print_results(const nlohmann::json& results, bool has_text) {
  const auto& ids = results["output_ids"];
  for (std::size_t row = 0; row < ids.size(); ++row) {
    const auto before = ids.size() > 1 ? "[" + std::to_string(row) + "] " : std::string();
    if (has_text) {
      print(before + results["text"][row].get<std::string>() + "\n");
      continue;
    }
    std::string line;
    for (const auto& id : ids[row]) line += (line.empty() ? "" : ",") + id.dump();
    print(line + "\n");
  }
}

Counts counts_of(const nlohmann::json& results) {
  Counts out;
  for (std::size_t row = 0; row < results["output_ids"].size(); ++row) {
    const auto prompt = results["prompt_tokens"][row].get<std::int64_t>(),
               made = static_cast<std::int64_t>(results["output_ids"][row].size());
    out.prompts += prompt;
    out.made += made;
    out.longest = std::max(out.longest, prompt + made);
  }
  return out;
}

}  // namespace strata::host
