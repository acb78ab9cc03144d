#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/error.hpp"
#include "core/run/generation.hpp"
#include "core/text/utf8.hpp"
#include "host/commands/commands.hpp"
#include "host/output.hpp"
#include "host/progress.hpp"
#include "host/running/report.hpp"
#include "host/running/trace.hpp"

namespace strata::host {

std::string read_text_file(const std::string& path) {
  std::error_code ignored;
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path, ignored))
    throw Error(path, "the text file cannot be read", "give a text file in UTF-8");
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (const auto at = text::invalid_utf8(text))
    throw Error(path, "byte " + std::to_string(*at) + " is not UTF-8", "save it as UTF-8");
  return text;
}

void perplexity(const cli::Settings& settings) {
  Opened plugins(settings);
  const auto model = open_model(settings.model, plugins, false);
  const auto tokenizer = open_tokenizer(*model.checkpoint);
  const auto ids = tokenizer.encode(read_text_file(settings.text_file), false);
  if (ids.size() < 2)
    throw Error(settings.text_file, "has fewer than 2 tokens", "give a longer text");
  const auto window = std::min<int64_t>(settings.context, static_cast<int64_t>(ids.size()));
  auto planned =
      plan_run(settings, model,
               {.sequences = 1, .tokens = window, .prompt = window, .all_logits = true}, plugins);
  const auto session = open_session(settings, model, std::move(planned), false, plugins);
  Progress progress("perplexity", "tokens");
  const auto result =
      run::perplexity(*session, ids, settings.context, [&](int64_t done, int64_t all) {
        progress.at(static_cast<uint64_t>(done), static_cast<uint64_t>(all));
      });
  progress.end();
  write_trace(settings.trace, *session);
  const double value = std::exp(result.nll);
  if (settings.json)
    return print_json({{"perplexity", value}, {"tokens", result.tokens}, {"nll", result.nll}});
  print("perplexity " + std::to_string(value) + " over " + std::to_string(result.tokens) +
        " tokens\n");
}

}  // namespace strata::host
