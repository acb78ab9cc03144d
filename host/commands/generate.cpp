#include <algorithm>
#include <optional>
#include <sstream>

#include "core/error.hpp"
#include "core/run/generation.hpp"
#include "core/text/text_stream.hpp"
#include "host/commands/commands.hpp"
#include "host/output.hpp"
#include "host/running/report.hpp"
#include "host/running/trace.hpp"

namespace strata::host {
namespace {

using Prompts = std::vector<std::vector<int32_t>>;

std::vector<std::string> lines_of(const std::string& path) {
  std::istringstream file(read_text_file(path));
  std::vector<std::string> out;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    out.push_back(line);
  }
  if (out.empty()) throw Error(path, "the prompt file is empty", "give one prompt a line");
  return out;
}

Prompts prompts_of(const cli::Settings& settings, const text::Tokenizer* tokenizer) {
  if (!settings.input_ids.empty()) return settings.input_ids;
  Prompts out;
  const auto texts =
      settings.prompt ? std::vector{*settings.prompt} : lines_of(settings.prompt_file);
  for (const auto& text : texts) {
    out.push_back(tokenizer->encode(text));
    if (out.back().empty())
      throw Error(settings.prompt ? "--prompt" : settings.prompt_file,
                  "prompt " + std::to_string(out.size() - 1) + " has no tokens",
                  "give at least one");
  }
  return out;
}

// The configuration's eos_token_id: one, a list, or none.
std::vector<int32_t> ends_of(const cli::Settings& settings, const source::Config& config) {
  std::vector<int32_t> out;
  if (settings.ignore_eos) return out;
  const auto count = config.count("eos_token_id");
  const int64_t none = -1;
  for (uint64_t i = 0; i < count; ++i) {
    const auto listed = config.count("eos_token_id." + std::to_string(i)) > 0;
    out.push_back(static_cast<int32_t>(
        config.i64(listed ? "eos_token_id." + std::to_string(i) : "eos_token_id", &none)));
  }
  return out;
}

Room room_of(const Prompts& prompts, int64_t new_tokens) {
  Room room{.sequences = static_cast<uint32_t>(prompts.size()), .tokens = 0, .prompt = 0};
  for (const auto& prompt : prompts) {
    const auto length = static_cast<int64_t>(prompt.size());
    room.tokens = std::max(room.tokens, length + new_tokens);
    room.prompt += length;
  }
  return room;
}

// Text as it is made: one prompt's streams, several are printed as each is done.
class Printer {
 public:
  Printer(const text::Tokenizer& tokenizer, std::size_t rows)
      : tokenizer_(tokenizer), ids_(rows), stream_(tokenizer, true) {}

  void operator()(std::size_t row, int32_t id, bool last) {
    if (ids_.size() == 1) {
      print(stream_.add(id));
      if (last) print(stream_.finish() + "\n");
      return;
    }
    ids_[row].push_back(id);
    if (last) print("[" + std::to_string(row) + "] " + tokenizer_.decode(ids_[row], true) + "\n");
  }

 private:
  const text::Tokenizer& tokenizer_;
  Prompts ids_;
  text::TextStream stream_;
};

}  // namespace

void check_ids(std::span<const int32_t> ids, const run::Model& model) {
  const auto size = model.family->units().front().weights.front().shape[0];
  for (const auto id : ids)
    if (id < 0 || id >= size)
      throw Error("--input-ids",
                  "token " + std::to_string(id) + " is outside the model's " +
                      std::to_string(size) + " tokens",
                  "use ids from 0 to " + std::to_string(size - 1));
}

void generate(const cli::Settings& settings) {
  Opened plugins(settings);
  const auto model = open_model(settings.model, plugins, false);
  // Ids alone need no tokenizer, but its text is given where there is one.
  std::optional<text::Tokenizer> tokenizer;
  const bool by_ids = !settings.input_ids.empty();
  try {
    tokenizer = open_tokenizer(*model.checkpoint);
  } catch (const Error& e) {
    if (!by_ids) throw;
    plugins.log().line(STRATA_INFO, std::string("no text: ") + e.what());
  }
  run::GenerateRequest request;
  request.prompts = prompts_of(settings, tokenizer ? &*tokenizer : nullptr);
  for (const auto& prompt : request.prompts) check_ids(prompt, model);
  request.new_tokens = settings.max_new_tokens;
  request.ends = ends_of(settings, *model.config);
  request.sampling = {.temperature = settings.temperature,
                      .top_k = static_cast<uint32_t>(settings.top_k),
                      .top_p = settings.top_p,
                      .repetition_penalty = settings.repetition_penalty,
                      .seed = static_cast<uint64_t>(settings.seed)};
  auto planned = plan_run(settings, model, room_of(request.prompts, request.new_tokens), plugins);
  const auto asked = asked_of(planned);
  const auto session = open_session(settings, model, std::move(planned), false, plugins);
  std::optional<Printer> printer;
  if (tokenizer && !settings.json) printer.emplace(*tokenizer, request.prompts.size());
  const auto result = run::generate(*session, request, [&](std::size_t row, int32_t id, bool last) {
    if (printer) (*printer)(row, id, last);
    if (!printer && !settings.json) print(std::to_string(id) + (last ? "\n" : ","));
  });
  write_trace(settings.trace, *session);
  if (!settings.json) return;
  auto texts = nlohmann::json::array();
  for (const auto& ids : result.tokens)
    texts.push_back(tokenizer ? tokenizer->decode(ids, true) : "");
  print_json({{"output_ids", result.tokens},
              {"text", texts},
              {"report", report(*session, plugins, asked, result)}});
}

}  // namespace strata::host
