#include "host/commands/generate.hpp"

#include <algorithm>
#include <optional>

#include "app/context_length.hpp"
#include "app/conversations.hpp"
#include "app/ends.hpp"
#include "app/new_text.hpp"
#include "app/open_chat.hpp"
#include "app/open_tokenizer.hpp"
#include "app/report.hpp"
#include "app/text_file.hpp"
#include "app/token_ids.hpp"
#include "app/trace.hpp"
#include "core/error.hpp"
#include "core/run/generation.hpp"
#include "host/cli/require.hpp"
#include "host/commands/commands.hpp"
#include "host/commands/generate_results.hpp"
#include "host/commands/prompts.hpp"
#include "host/commands/summary.hpp"
#include "host/options/input_ids.hpp"
#include "host/options/template_variables.hpp"
#include "host/process/ended.hpp"
#include "host/process/interrupts.hpp"
#include "host/process/output.hpp"
#include "host/process/progress.hpp"
#include "host/ranks/joined_report.hpp"
#include "host/ranks/team.hpp"

namespace strata::host {
namespace {

using Prompts = std::vector<std::vector<int32_t>>;

std::vector<std::string> plain_texts(const GenerateOptions& settings) {
  if (settings.prompt) return {prompt_text(*settings.prompt)};
  if (settings.one_prompt) return {prompt_file_text(settings.prompt_file)};
  return prompt_lines(settings.prompt_file, stderr_log(settings.verbose));
}

// The file's conversations, or one conversation for each text, with the text as the user's message.
std::vector<text::Conversation> conversations_of(const GenerateOptions& settings,
                                                 const text::ChatTemplate& chat) {
  if (!settings.chat_file.empty())
    return app::parse_conversations(app::read_text_file(settings.chat_file), settings.chat_file,
                                    [&](const std::string& key) { return chat.mentions(key); });
  std::vector<text::Conversation> out;
  for (const auto& text : plain_texts(settings)) {
    auto& messages = out.emplace_back().messages = nlohmann::ordered_json::array();
    if (settings.system) messages.push_back({{"role", "system"}, {"content", *settings.system}});
    messages.push_back({{"role", "user"}, {"content", text}});
  }
  return out;
}

// The conversations in the model's chat format.
std::vector<std::string> chat_texts(const GenerateOptions& settings,
                                    const source::Checkpoint& checkpoint,
                                    const text::Tokenizer& tokenizer) {
  const auto chat = app::open_chat(checkpoint, tokenizer);
  const auto local = app::local_now();
  std::vector<std::string> out;
  const auto given = template_variables(settings.chat_template_kwargs);
  for (auto& one : conversations_of(settings, chat)) {
    one.variables.update(given);
    out.push_back(chat.render(one, local));
  }
  return out;
}

Prompts prompts_of(const GenerateOptions& settings, const source::Checkpoint& checkpoint,
                   const text::Tokenizer* tokenizer) {
  if (!settings.input_ids.empty()) return settings.input_ids;
  Prompts out;
  const bool chat = settings.chat || !settings.chat_file.empty();
  for (const auto& text :
       chat ? chat_texts(settings, checkpoint, *tokenizer) : plain_texts(settings)) {
    // A chat template writes the special tokens itself.
    out.push_back(tokenizer->encode(text, !chat));
    if (out.back().empty())
      throw Error(settings.prompt ? "--prompt" : settings.prompt_file + settings.chat_file,
                  "prompt " + std::to_string(out.size() - 1) + " has no tokens",
                  "give at least one");
  }
  return out;
}

// The prompts of a rank.
Prompts own_prompts(const Prompts& all, const Team& team, std::uint32_t rank) {
  const auto [first, last] = team.block(all.size(), rank);
  return {all.begin() + static_cast<std::ptrdiff_t>(first),
          all.begin() + static_cast<std::ptrdiff_t>(last)};
}

// The capacity that serves every rank's prompts, so that all ranks have the same plan.
app::Capacity capacity_of(const Prompts& all, int64_t new_tokens, const Team& team) {
  app::Capacity out{.sequences = 0, .tokens = 0, .prompt = 0};
  for (std::uint32_t rank = 0; rank < team.ranks(); ++rank) {
    const auto prompts = own_prompts(all, team, rank);
    out.sequences = std::max(out.sequences, static_cast<uint32_t>(prompts.size()));
    int64_t together = 0;
    for (const auto& prompt : prompts) {
      const auto length = static_cast<int64_t>(prompt.size());
      out.tokens = std::max(out.tokens, length + new_tokens);
      together += length;
    }
    out.prompt = std::max(out.prompt, together);
  }
  return out;
}

// Warns, before the run, of the settings in the model's generation_config.json that are not
// followed.
void say_what_differs(const run::GenerationConfig& generation, const GenerateOptions& settings,
                      bool makes_text, const app::Log& log) {
  if (!makes_text && !generation.stops.empty())
    log.line(STRATA_WARN, "generation_config.json: stop_strings needs the model's tokenizer");
  for (const auto& key : generation.ignored)
    log.line(STRATA_WARN, "generation_config.json: " + key + " is not followed");
  if (generation.temperature && !settings.given.contains("generate.temperature"))
    log.line(STRATA_WARN, "generation_config.json: do_sample is not followed; --temperature " +
                              nlohmann::json(*generation.temperature).dump() +
                              " draws as its makers meant");
}

std::int64_t longest_of(const Prompts& prompts) {
  std::size_t longest = 0;
  for (const auto& prompt : prompts) longest = std::max(longest, prompt.size());
  return static_cast<std::int64_t>(longest);
}

// The number of tokens to generate for each prompt: --max-new-tokens, else max_new_tokens of
// generation_config.json, else what its max_length leaves beside the longest prompt, at most the
// option's default.
int64_t new_tokens_of(const GenerateOptions& settings, const run::GenerationConfig& generation,
                      const Prompts& prompts) {
  if (settings.given.contains("generate.max_new_tokens")) return settings.max_new_tokens;
  if (generation.new_tokens) return *generation.new_tokens;
  if (!generation.all_tokens) return settings.max_new_tokens;
  const auto longest = longest_of(prompts);
  const auto room = *generation.all_tokens - longest;
  if (room < 1)
    throw Error("generation_config.json",
                "a prompt of " + std::to_string(longest) + " tokens leaves none of max_length " +
                    std::to_string(*generation.all_tokens),
                "give --max-new-tokens");
  return std::min(room, settings.max_new_tokens);
}

// Prints the text of a single prompt as it is made; of several prompts, each text when it is
// complete.
void print_text(app::NewText& text, std::size_t row, bool last) {
  if (text.texts().size() == 1) return print(text.fresh(row) + (last ? "\n" : ""));
  if (last) print("[" + std::to_string(row) + "] " + text.texts()[row] + "\n");
}

// Ends the rows of a run that Ctrl-C interrupted; their text so far is kept.
void end_rows(const run::GenerateResult& result, std::optional<app::NewText>& text, bool json) {
  for (std::size_t row = 0; row < result.tokens.size(); ++row) {
    if (result.finishes[row] != run::Finish::canceled) continue;
    if (text) text->end(row);
    if (json) continue;
    if (text) print_text(*text, row, true);
    if (!text) print("\n");
  }
}

void options(cli::Table& table, GenerateOptions& o) {
  add_model(table, o);
  add_input_ids(table, o.input_ids);
  table.push_back({.name = "prompt",
                   .key = "generate.prompt",
                   .field = &o.prompt,
                   .value = "TEXT",
                   .help = "the prompt; -: all of standard input",
                   .letter = 'p'});
  table.push_back({"prompt-file", "generate.prompt_file", &o.prompt_file, "FILE",
                   "a file with one prompt a line; -: standard input"});
  table.push_back({"one-prompt", "generate.one_prompt", &o.one_prompt, "",
                   "the whole prompt file is one prompt, with its line breaks"});
  table.push_back({.name = "max-new-tokens",
                   .key = "generate.max_new_tokens",
                   .field = &o.max_new_tokens,
                   .value = "N",
                   .help = "maximum number of tokens to generate",
                   .low = 1,
                   .high = 1e9,
                   .letter = 'n'});
  add_sampling(table, o);
  table.push_back({"ignore-eos", "generate.ignore_eos", &o.ignore_eos, "",
                   "keep generating after the end-of-text token"});
  table.push_back({"chat", "generate.chat", &o.chat, "",
                   "apply the model's chat template to each prompt, as the user's message"});
  table.push_back(
      {"chat-file", "generate.chat_file", &o.chat_file, "FILE",
       "conversations to continue, in JSON: a list of messages, or a list of such lists"});
  table.push_back(
      {"system", "generate.system", &o.system, "TEXT", "with --chat: the system message"});
  add_template_variables(table, o.chat_template_kwargs);
  table.push_back(
      {"stop", "generate.stop", &o.stop, "TEXT", "stop before this text; may be repeated"});
  table.push_back({"logprobs", "generate.logprobs", &o.logprobs, "N",
                   "with --json: log probabilities of each new token and of the N likeliest ones",
                   "none", 0, 1e6});
  add_run(table, o);
  add_in_place(table, o);
  add_dropout(table, o);
  add_ranks(table, o);
  add_ds_config(table, o);
  add_plugin_paths(table, o);
  add_common(table, o);
}

void check(const GenerateOptions& o) {
  require_model(o);
  cli::require_one({{"--prompt", o.prompt.has_value()},
                    {"--prompt-file", !o.prompt_file.empty()},
                    {"--chat-file", !o.chat_file.empty()},
                    {"--input-ids", !o.input_ids.empty()}});
  if (o.one_prompt && o.prompt_file.empty())
    throw UsageError("--one-prompt", "needs --prompt-file", "add --prompt-file FILE");
  if (o.chat && !o.input_ids.empty())
    throw UsageError("--chat", "token ids are no message", "give --prompt or --prompt-file");
  if (o.system && !o.chat_file.empty())
    throw UsageError("--system", "not with --chat-file", "write the system message into the file");
  if (o.system && !o.chat) throw UsageError("--system", "needs --chat", "add --chat");
  if (o.chat_template_kwargs && !o.chat && o.chat_file.empty())
    throw UsageError("--chat-template-kwargs", "there is no conversation",
                     "add --chat or --chat-file");
  template_variables(o.chat_template_kwargs);
  if (std::ranges::find(o.stop, "") != o.stop.end())
    throw UsageError("--stop", "the text is empty", "give a text or leave it out");
  if (o.logprobs > 0 && !o.json) throw UsageError("--logprobs", "needs --json", "add --json");
}

// Prints a single prompt's text as it is made and of several prompts those that are complete,
// unless they are parts of what several ranks make.
class Printer {
 public:
  Printer(const GenerateOptions& settings, const Team& team, std::size_t prompts)
      : prints_(!settings.json && team.prints()), now_(team.alone() || prompts == 1) {}

  // Whether the text is printed as it is made, and whether it is printed when all is done.
  bool now() const { return prints_ && now_; }
  bool at_end() const { return prints_ && !now_; }
  // On several ranks a reader that closed the output must not end this one alone.
  bool closed() const { return closed_.has_value(); }
  void end_if_closed() const {
    if (closed_) throw *closed_;
  }

  template <class Print>
  void operator()(const Team& team, const Print& print_some) {
    if (!now() || closed_) return;
    try {
      print_some();
    } catch (const Ended& e) {
      if (team.alone()) throw;
      closed_ = e;
    }
  }

 private:
  bool prints_, now_;
  std::optional<Ended> closed_;
};

void generate_on(const GenerateOptions& settings, const Team& team) {
  auto plugins = open_plugins(settings);
  const auto model = open_model(settings, settings, plugins);
  team.check(model, plugins);
  // Prompts of ids need no tokenizer, but if the model has one, the output includes text.
  std::optional<text::Tokenizer> tokenizer;
  const bool by_ids = !settings.input_ids.empty();
  try {
    tokenizer = app::open_tokenizer(*model.checkpoint, plugins.log(), true);
  } catch (const Error& e) {
    if (!by_ids) throw;
    plugins.log().line(STRATA_INFO, std::string("no text: ") + e.what());
  }
  if (!tokenizer && !settings.stop.empty())
    throw Error("--stop", "the model has no tokenizer that makes text", "leave it out");
  const auto generation = app::open_generation_config(*model.checkpoint);
  const auto log = team.prints() ? plugins.log() : app::Log();  // one rank warns
  say_what_differs(generation, settings, tokenizer.has_value(), log);
  const auto prompts = team.from_first(
      [&] { return prompts_of(settings, *model.checkpoint, tokenizer ? &*tokenizer : nullptr); });
  for (const auto& prompt : prompts) app::check_ids(prompt, model, "--input-ids");
  app::warn_beyond_context(model, longest_of(prompts), log);
  run::GenerateRequest request;
  request.prompts = own_prompts(prompts, team, team.rank());
  request.first_row = team.block(prompts.size()).first;
  request.new_tokens = new_tokens_of(settings, generation, prompts);
  if (!settings.ignore_eos) request.ends = app::ends_of(model, generation);
  SamplingOptions sampling = settings;
  if (!team.alone() && settings.temperature > 0)
    sampling.seed = team.from_first([&] { return static_cast<std::int64_t>(seed_of(settings)); });
  request.sampling = sampling_of(sampling, settings, generation);
  request.logprobs = static_cast<std::size_t>(settings.logprobs);
  std::optional<app::NewText> text;
  if (tokenizer) {
    text.emplace(*tokenizer, request.prompts.size(),
                 settings.stop.empty() ? generation.stops : settings.stop);
    request.stops = [&](std::size_t row, int32_t id) { return text->add(row, id); };
  }
  auto planned = app::plan_run(settings, model, capacity_of(prompts, request.new_tokens, team),
                               plugins, team.group().get());
  const auto asked = app::asked_of(planned);
  const auto session =
      open_session(settings, model, std::move(planned), plugins, false, team.group());
  Progress progress("prompt", "tokens", team.prints());
  request.progress = [&](std::size_t done, std::size_t all) {
    progress.at(done, all);
    if (done == all) progress.end();
  };
  std::optional<Interrupts> interrupts(std::in_place);
  Printer printer(settings, team, prompts.size());
  request.canceled = [&] { return Interrupts::noted() != 0 || printer.closed(); };
  const auto result = run::generate(*session, request, [&](std::size_t row, int32_t id, bool last) {
    if (text && last) text->end(row);
    printer(team, [&] {
      if (text) print_text(*text, row, last);
      if (!text) print(std::to_string(id) + (last ? "\n" : ","));
    });
  });
  printer(team, [&] { end_rows(result, text, false); });
  if (!printer.now()) end_rows(result, text, true);
  auto own = json_of(request, result, text);
  own["report"] = app::report(*session, plugins, asked, result);
  if (!settings.cores.is_null()) own["report"]["cores"] = settings.cores;
  auto out = joined_results(team.all(own));
  if (!team.prints()) return Interrupts::end_if_noted();
  app::write_trace(settings.trace, *session);
  const auto counts = counts_of(out);
  if (longest_of(prompts) <= app::context_length_of(*model.config))
    app::warn_beyond_context(model, counts.longest, log);
  if (request.sampling.temperature > 0) out["report"]["seed"] = request.sampling.seed;
  say_summary(out["report"], counts.prompts, counts.made, log);
  if (printer.at_end()) print_results(out, text.has_value());
  if (settings.json) print_json(out);
  printer.end_if_closed();
  Interrupts::end_if_noted();
}

void generate(const GenerateOptions& settings) {
  on_ranks(settings, settings, [&](const Team& team) { generate_on(settings, team); });
}

}  // namespace

const cli::Command generate_command{
    "generate",
    "MODEL (--prompt TEXT | --prompt-file FILE | --chat-file FILE | --input-ids IDS) "
    "[--chat] [options]",
    "generate text",
    cli::make_call<GenerateOptions, options, check, generate>,
    "model",
    respell_ranks};

}  // namespace strata::host
