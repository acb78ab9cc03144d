#include <unistd.h>

#include <algorithm>

#include "app/context_length.hpp"
#include "app/conversations.hpp"
#include "app/ends.hpp"
#include "app/open_chat.hpp"
#include "app/open_tokenizer.hpp"
#include "app/report.hpp"
#include "app/talk.hpp"
#include "app/trace.hpp"
#include "core/error.hpp"
#include "host/chat/input.hpp"
#include "host/chat/line_reader.hpp"
#include "host/commands/commands.hpp"
#include "host/commands/summary.hpp"
#include "host/options/opening.hpp"
#include "host/options/sampling_options.hpp"
#include "host/options/template_variables.hpp"
#include "host/process/ended.hpp"
#include "host/process/interrupts.hpp"
#include "host/process/output.hpp"
#include "host/ranks/team.hpp"

namespace strata::host {
namespace {

struct ChatOptions : ModelCommand, RunOptions, SamplingOptions {
  std::int64_t max_new_tokens = 1024;
  std::int64_t context = 4096;
  std::optional<std::string> system;
  std::string load, save;
  std::optional<std::string> chat_template_kwargs;  // JSON
  std::vector<std::string> stop;
};

void options(cli::Table& table, ChatOptions& o) {
  add_model(table, o);
  table.push_back({"system", "chat.system", &o.system, "TEXT", "the system message"});
  table.push_back({"load", "chat.load", &o.load, "FILE",
                   "continue a saved conversation: JSON, as /save writes it"});
  table.push_back(
      {"save", "chat.save", &o.save, "FILE", "write the conversation after each answer"});
  add_template_variables(table, o.chat_template_kwargs);
  table.push_back({"context", "chat.context", &o.context, "N",
                   "context length in tokens, at most the model's own", "", 2, 1e9});
  table.push_back({.name = "max-new-tokens",
                   .key = "chat.max_new_tokens",
                   .field = &o.max_new_tokens,
                   .value = "N",
                   .help = "maximum number of tokens in an answer",
                   .low = 1,
                   .high = 1e9,
                   .letter = 'n'});
  add_sampling(table, o);
  table.push_back(
      {"stop", "chat.stop", &o.stop, "TEXT", "stop an answer before this text; may be repeated"});
  add_run(table, o);
  add_in_place(table, o);
  add_dropout(table, o);
  add_ds_config(table, o);
  add_plugin_paths(table, o);
  add_common(table, o);
}

void check(const ChatOptions& o) {
  require_model(o);
  if (o.system && !o.load.empty())
    throw UsageError("--system", "not with --load", "write the system message into the file");
  template_variables(o.chat_template_kwargs);
  if (std::ranges::find(o.stop, "") != o.stop.end())
    throw UsageError("--stop", "the text is empty", "give a text or leave it out");
}

// The loop over the user's lines.
class Dialog {
 public:
  Dialog(const ChatOptions& settings, app::Talk& talk, bool terminal)
      : settings_(settings), talk_(talk), terminal_(terminal), lines_(terminal) {}

  void run() {
    while (const auto line = next()) {
      const auto input = chat::parse_input(*line);
      if (input.verb == chat::Verb::quit) return;
      try {
        carry_out(input);
      } catch (const Error& e) {
        print_error(e.what());  // the conversation goes on
      }
      Interrupts::forget();
      Interrupts::end_if_noted();
    }
  }

 private:
  // The lines of the next message; nothing at the end of the input. Ctrl-C drops the line that is
  // being typed.
  std::optional<std::string> next() {
    std::string text;
    while (true) {
      const auto line = lines_.next(text.empty() ? "> " : ". ");
      if (line) {
        text += *line;
        if (!text.ends_with('\\')) return text;
        text.back() = '\n';
        continue;
      }
      if (Interrupts::noted() == 0 || !terminal_) Interrupts::end_if_noted();
      if (Interrupts::noted() == 0) {
        if (terminal_) print("\n");
        return std::nullopt;
      }
      Interrupts::forget();
      Interrupts::end_if_noted();
      print("\n");
      text.clear();
    }
  }

  void carry_out(const chat::Input& input) {
    const auto say = [&](const std::string& text) {
      if (!settings_.json) print(text + "\n");
    };
    const auto file = [&](const char* command) {
      if (input.text.empty()) throw UsageError(command, "needs a file", "write its name behind it");
      return input.text;
    };
    switch (input.verb) {
      case chat::Verb::message:
        if (input.text.find_first_not_of(" \t\n") != input.text.npos)
          answered(talk_.ask(input.text, printer()));
        return;
      case chat::Verb::regenerate:
        return answered(talk_.again(printer()));
      case chat::Verb::help:
        return say(chat::input_help());
      case chat::Verb::reset:
        talk_.reset();
        return say("The conversation begins anew.");
      case chat::Verb::system:
        talk_.reset(input.text);
        return say(input.text.empty() ? "The conversation starts anew without a system message."
                                      : "The conversation starts anew with this system message.");
      case chat::Verb::save:
        talk_.save(file("/save"));
        return say("The conversation is saved.");
      case chat::Verb::load:
        talk_.load(file("/load"));
        return say("The conversation has " + std::to_string(talk_.messages()) + " messages.");
      case chat::Verb::unknown:
        throw UsageError("'" + printable(input.text) + "'", "unknown command",
                         "/help lists the commands");
      case chat::Verb::quit:
        return;
    }
  }

  std::function<void(const std::string&)> printer() const {
    return [json = settings_.json](const std::string& text) {
      if (!json) print(text);
    };
  }

  void answered(const app::Answer& answer) {
    const auto& result = answer.result;
    const auto made = static_cast<std::int64_t>(result.tokens.front().size());
    if (settings_.json)
      print_json({{"role", "assistant"},
                  {"content", answer.text},
                  {"finish_reason", app::finish_text(result.finishes.front())},
                  {"prompt_tokens", answer.prompt_tokens},
                  {"reused_tokens", answer.reused},
                  {"new_tokens", made}});
    else
      print("\n");
    stderr_log(settings_.verbose)
        .line(STRATA_INFO, turn_text(static_cast<std::int64_t>(answer.prompt_tokens), answer.reused,
                                     made, result));
    if (!settings_.save.empty()) talk_.save(settings_.save);
  }

  const ChatOptions& settings_;
  app::Talk& talk_;
  bool terminal_;
  chat::LineReader lines_;
};

void chat(const ChatOptions& settings) {
  require_one_rank("chat", "a conversation is one sequence, which ranks cannot share");
  auto plugins = open_plugins(settings);
  const auto model = open_model(settings, settings, plugins);
  const auto tokenizer = app::open_tokenizer(*model.checkpoint, plugins.log());
  const auto format = app::open_chat(*model.checkpoint, tokenizer);
  const auto variables = template_variables(settings.chat_template_kwargs);
  const auto generation = app::open_generation_config(*model.checkpoint);
  const auto own = app::context_length_of(*model.config);
  const bool given = settings.given.contains("chat.context");
  const auto context = own > 0 && !given ? std::min(settings.context, own) : settings.context;
  app::warn_beyond_context(model, context, plugins.log());
  run::GenerateRequest request;
  request.new_tokens = settings.max_new_tokens;
  request.ends = app::ends_of(model, generation);
  request.sampling = sampling_of(settings, settings, generation);
  request.canceled = [] { return Interrupts::noted() != 0; };
  auto planned = app::plan_run(
      settings, model,
      {.sequences = 1, .tokens = context, .prompt = std::min<int64_t>(context, 512)}, plugins);
  const auto asked = app::asked_of(planned);
  const auto session = open_session(settings, model, std::move(planned), plugins);
  say_loaded(app::report(*session, plugins, asked), plugins.log());
  app::Talk talk({.session = *session,
                  .format = format,
                  .tokenizer = tokenizer,
                  .request = request,
                  .stops = settings.stop.empty() ? generation.stops : settings.stop,
                  .variables = variables,
                  .context = context});
  talk.reset(settings.system.value_or(""));
  if (!settings.load.empty()) talk.load(settings.load);
  const bool terminal = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1;
  if (terminal) print_note(settings.model + " is loaded. /help lists the commands, Ctrl-D ends.");
  const Interrupts interrupts;
  Dialog(settings, talk, terminal).run();
  app::write_trace(settings.trace, *session);
}

}  // namespace

const cli::Command chat_command{"chat", "MODEL [--system TEXT | --load FILE] [options]",
                                "chat with a model in the terminal",
                                cli::make_call<ChatOptions, options, check, chat>, "model"};

}  // namespace strata::host
