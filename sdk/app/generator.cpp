#include <ctime>
#include <strata/app.hpp>

#include "app/conversations.hpp"
#include "app/ends.hpp"
#include "app/new_text.hpp"
#include "app/open_chat.hpp"
#include "app/open_model.hpp"
#include "app/open_session.hpp"
#include "app/open_tokenizer.hpp"
#include "app/report.hpp"
#include "app/sampling.hpp"
#include "app/token_ids.hpp"
#include "app/trace.hpp"
#include "core/error.hpp"

namespace strata::app {

struct Generator::Parts {
  Parts(const ModelOptions& options, const RunOptions& run, const Capacity& room,
        const PluginOptions& plugin_options, const LogLine& log, const LoadProgress& progress)
      : capacity(room), plugins(plugin_options, Log(log)), model(open_model(options, plugins)),
        tokenizer(open_tokenizer(*model.checkpoint, plugins.log())),
        generation(open_generation_config(*model.checkpoint)) {
    auto planned = plan_run(run, model, capacity, plugins);
    asked = asked_of(planned);
    session = open_session(run, model, std::move(planned), false, plugins, progress);
  }

  void check(const std::vector<std::vector<std::int32_t>>& prompts, std::int64_t new_tokens) const {
    if (prompts.empty()) throw Error("generate", "there is no prompt", "give at least one");
    if (new_tokens < 1)
      throw Error("generate", "max_new_tokens is below 1", "ask for at least one new token");
    if (prompts.size() > capacity.sequences)
      throw Error("generate",
                  std::to_string(prompts.size()) + " prompts are more than the capacity's " +
                      std::to_string(capacity.sequences) + " sequences",
                  "open the model with a larger capacity");
    for (const auto& prompt : prompts) {
      check_ids(prompt, model, "generate");
      const auto tokens = static_cast<std::int64_t>(prompt.size()) + new_tokens;
      if (tokens > capacity.tokens)
        throw Error("generate",
                    std::to_string(tokens) + " tokens are more than the capacity's " +
                        std::to_string(capacity.tokens),
                    "open the model with a larger capacity, or ask for fewer new tokens");
    }
  }

  Capacity capacity;
  Plugins plugins;
  run::Model model;
  text::Tokenizer tokenizer;
  run::GenerationConfig generation;
  Asked asked;
  std::unique_ptr<run::Session> session;
  std::optional<run::GenerateResult> last;
};

Generator::Generator(const ModelOptions& model, const RunOptions& run, const Capacity& capacity,
                     const PluginOptions& plugins, const LogLine& log, const LoadProgress& progress)
    : parts_(std::make_unique<Parts>(model, run, capacity, plugins, log, progress)) {}

Generator::~Generator() = default;

std::vector<std::int32_t> Generator::encode(std::string_view text) const {
  return parts_->tokenizer.encode(std::string(text), true);
}

std::vector<std::int32_t> Generator::encode_chat(std::string_view messages) const {
  const auto chat = open_chat(*parts_->model.checkpoint, parts_->tokenizer);
  const auto all = parse_conversations(std::string(messages), "messages",
                                       [&](const std::string& key) { return chat.mentions(key); });
  if (all.size() != 1)
    throw Error("messages", std::to_string(all.size()) + " conversations", "give one");
  const auto now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  // A chat template writes the special tokens itself.
  return parts_->tokenizer.encode(chat.render(all.front(), local), false);
}

std::string Generator::decode(std::span<const std::int32_t> ids) const {
  return parts_->tokenizer.decode({ids.begin(), ids.end()}, true);
}

std::vector<Generated> Generator::generate(const std::vector<std::vector<std::int32_t>>& prompts,
                                           const GenerateOptions& options, const OnText& on_text) {
  auto& parts = *parts_;
  parts.check(prompts, options.max_new_tokens);
  run::GenerateRequest request;
  request.prompts = prompts;
  request.new_tokens = options.max_new_tokens;
  request.sampling = sampling_of(options.sampling, parts.generation);
  if (!options.ignore_eos) request.ends = ends_of(parts.model, parts.generation);
  NewText text(parts.tokenizer, prompts.size(),
               options.stop.empty() ? parts.generation.stops : options.stop);
  request.stops = [&](std::size_t row, std::int32_t id) { return text.add(row, id); };
  parts.last =
      run::generate(*parts.session, request, [&](std::size_t row, std::int32_t, bool last) {
        if (last) text.end(row);
        if (on_text) on_text(row, text.fresh(row));
      });
  std::vector<Generated> out;
  for (std::size_t row = 0; row < prompts.size(); ++row)
    out.push_back({.text = text.texts()[row],
                   .ids = parts.last->tokens[row],
                   .finish = finish_text(parts.last->finishes[row])});
  return out;
}

std::string Generator::report() const {
  auto& parts = *parts_;
  const auto& session = *parts.session;
  return (parts.last ? app::report(*parts.session, parts.plugins, parts.asked, *parts.last)
                     : app::report(session, parts.plugins, parts.asked))
      .dump();
}

void Generator::write_trace(const std::string& path) { app::write_trace(path, *parts_->session); }

}  // namespace strata::app
