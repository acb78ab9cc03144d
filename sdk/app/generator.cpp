#include <algorithm>
#include <strata/app.hpp>

#include "app/context_length.hpp"
#include "app/conversations.hpp"
#include "app/ends.hpp"
#include "app/new_text.hpp"
#include "app/open_chat.hpp"
#include "app/open_model.hpp"
#include "app/open_session.hpp"
#include "app/open_tokenizer.hpp"
#include "app/option_checks.hpp"
#include "app/report.hpp"
#include "app/sampling.hpp"
#include "app/token_ids.hpp"
#include "app/trace.hpp"
#include "core/error.hpp"

namespace strata::app {
namespace {

using Prompts = std::vector<std::vector<std::int32_t>>;

// The model's tokenizer; none with a line in the log that says why.
std::optional<text::Tokenizer> tokenizer_of(const run::Model& model, const Log& log) {
  try {
    return open_tokenizer(*model.checkpoint, log);
  } catch (const Error& error) {
    log.line(STRATA_INFO, std::string("no text: ") + error.what());
    return std::nullopt;
  }
}

// Marks a Generator as working: a callback that calls it again would overwrite its KV cache.
class Working {
 public:
  explicit Working(bool& flag) : flag_(flag) {
    if (flag_) throw Error("generate", "it is at work already", "return from the callback first");
    flag_ = true;
  }
  Working(const Working&) = delete;
  Working& operator=(const Working&) = delete;
  ~Working() { flag_ = false; }

 private:
  bool& flag_;
};

}  // namespace

struct Generator::Parts {
  Parts(const ModelOptions& options, const RunOptions& run, const Capacity& room,
        const PluginOptions& plugin_options, const LogLine& log, const LoadProgress& progress)
      : capacity(room), timeline(run.timeline), plugins(plugin_options, Log(log)),
        model(open_model(options, plugins, false, true, progress)),
        tokenizer(tokenizer_of(model, plugins.log())),
        generation(open_generation_config(*model.checkpoint)) {
    auto planned = plan_run(run, model, capacity, plugins);
    asked = asked_of(planned);
    session = open_session(run, model, std::move(planned), false, plugins, progress);
  }

  const text::Tokenizer& text() const {
    if (!tokenizer)
      throw Error(model.path, "it has no tokenizer", "give token ids, or add a tokenizer.json");
    return *tokenizer;
  }

  void check_prompts(const Prompts& prompts, std::int64_t new_tokens) const {
    if (prompts.empty()) throw Error("generate", "there is no prompt", "give at least one");
    if (prompts.size() > capacity.sequences)
      throw Error("generate",
                  std::to_string(prompts.size()) + " prompts are more than the capacity's " +
                      std::to_string(capacity.sequences) + " sequences",
                  "open the model with a larger capacity");
    for (const auto& prompt : prompts) check_sequence(prompt, new_tokens);
  }

  void check_sequence(std::span<const std::int32_t> ids, std::int64_t new_tokens) const {
    check_ids(ids, model, "generate");
    const auto tokens = static_cast<std::int64_t>(ids.size()) + new_tokens;
    if (tokens > capacity.tokens)
      throw Error("generate",
                  std::to_string(tokens) + " tokens are more than the capacity's " +
                      std::to_string(capacity.tokens),
                  "open the model with a larger capacity, or ask for fewer new tokens");
    warn_beyond_context(model, tokens, plugins.log());
  }

  Capacity capacity;
  bool timeline, working = false;
  Plugins plugins;
  run::Model model;
  std::optional<text::Tokenizer> tokenizer;
  run::GenerationConfig generation;
  Asked asked;
  std::unique_ptr<run::Session> session;
  std::optional<run::GenerateResult> last;
};

Generator::Generator(const ModelOptions& model, const RunOptions& run, const Capacity& capacity,
                     const PluginOptions& plugins, const LogLine& log,
                     const LoadProgress& progress) {
  check(run);
  check(capacity);
  parts_ = std::make_unique<Parts>(model, run, capacity, plugins, log, progress);
}

Generator::~Generator() = default;

std::vector<std::int32_t> Generator::encode(std::string_view text) const {
  return parts_->text().encode(std::string(text), true);
}

std::vector<std::int32_t> Generator::encode_chat(const std::vector<Message>& messages) const {
  auto all = nlohmann::ordered_json::array();
  for (const auto& one : messages) all.push_back({{"role", one.role}, {"content", one.content}});
  return encode_chat_json(all.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

std::vector<std::int32_t> Generator::encode_chat_json(std::string_view conversation) const {
  const auto& tokenizer = parts_->text();
  const auto chat = open_chat(*parts_->model.checkpoint, tokenizer);
  const auto all = parse_conversations(std::string(conversation), "messages",
                                       [&](const std::string& key) { return chat.mentions(key); });
  if (all.size() != 1)
    throw Error("messages", std::to_string(all.size()) + " conversations", "give one");
  // A chat template writes the special tokens itself.
  return tokenizer.encode(chat.render(all.front(), local_now()), false);
}

std::string Generator::decode(std::span<const std::int32_t> ids) const {
  return parts_->text().decode({ids.begin(), ids.end()}, true);
}

std::vector<Generated> Generator::generate(const Prompts& prompts, const GenerateOptions& options,
                                           const OnText& on_text) {
  auto& parts = *parts_;
  const Working working(parts.working);
  check(options);
  parts.check_prompts(prompts, options.max_new_tokens);
  run::GenerateRequest request;
  request.prompts = prompts;
  request.new_tokens = options.max_new_tokens;
  request.sampling = sampling_of(options.sampling, parts.generation);
  if (!options.ignore_eos) request.ends = ends_of(parts.model, parts.generation);
  std::optional<NewText> text;
  if (parts.tokenizer)
    text.emplace(*parts.tokenizer, prompts.size(),
                 options.stop.empty() ? parts.generation.stops : options.stop);
  else if (!options.stop.empty())
    parts.text();  // throws: stop texts need a tokenizer
  if (text) request.stops = [&](std::size_t row, std::int32_t id) { return text->add(row, id); };
  parts.last =
      run::generate(*parts.session, request, [&](std::size_t row, std::int32_t, bool last) {
        if (!text) return;
        if (last) text->end(row);
        if (on_text) on_text(row, text->fresh(row));
      });
  std::vector<Generated> out;
  for (std::size_t row = 0; row < prompts.size(); ++row)
    out.push_back({.text = text ? text->texts()[row] : "",
                   .ids = parts.last->tokens[row],
                   .finish = finish_text(parts.last->finishes[row])});
  return out;
}

std::vector<float> Generator::logits(std::span<const std::int32_t> ids) {
  auto& parts = *parts_;
  const Working working(parts.working);
  if (!parts.capacity.all_logits)
    throw UsageError("logits", "the capacity has no room for them", "set Capacity::all_logits");
  if (ids.empty()) throw Error("logits", "there are no tokens", "give at least one");
  parts.check_sequence(ids, 0);
  std::vector<float> out;
  run::all_logits(*parts.session, ids, [&](std::span<const float> rows) {
    out.insert(out.end(), rows.begin(), rows.end());
  });
  return out;
}

std::string Generator::report() const {
  auto& parts = *parts_;
  const auto& session = *parts.session;
  return (parts.last ? app::report(*parts.session, parts.plugins, parts.asked, *parts.last)
                     : app::report(session, parts.plugins, parts.asked))
      .dump();
}

void Generator::write_trace(const std::string& path) {
  if (!parts_->timeline)
    throw UsageError("trace", "no times were kept", "set RunOptions::timeline");
  app::write_trace(path, *parts_->session);
}

}  // namespace strata::app
