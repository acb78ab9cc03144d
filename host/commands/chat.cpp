#include <unistd.h>

#include <algorithm>

#include "core/error.hpp"
#include "host/chat/input.hpp"
#include "host/chat/line_reader.hpp"
#include "host/chat/talk.hpp"
#include "host/commands/commands.hpp"
#include "host/process/ended.hpp"
#include "host/process/interrupts.hpp"
#include "host/process/output.hpp"
#include "host/running/context_length.hpp"
#include "host/running/conversations.hpp"
#include "host/running/ends.hpp"
#include "host/running/open_chat.hpp"
#include "host/running/open_tokenizer.hpp"
#include "host/running/report.hpp"
#include "host/running/run_options.hpp"
#include "host/running/sampling_options.hpp"
#include "host/running/summary.hpp"
#include "host/running/trace.hpp"

namespace strata::host {
namespace {

struct ChatOptions : cli::CommonOptions, ModelOptions, RunOptions, SamplingOptions {
  std::int64_t max_new_tokens = 1024;
  std::int64_t context = 4096;
  std::optional<std::string> system;
  std::string load, save;
  std::optional<std::string> chat_template_kwargs;  // JSON
  std::vector<std::string> stop;
};

void options(cli::Table& table, ChatOptions& o) {
  add_model(table, o);
  table.push_back({"system", "chat.system", &o.system, "TEXT", "the system's message"});
  table.push_back({"load", "chat.load", &o.load, "FILE",
                   "go on with a saved conversation: JSON, as /save writes it"});
  table.push_back(
      {"save", "chat.save", &o.save, "FILE", "write the conversation after each answer"});
  add_template_variables(table, o.chat_template_kwargs);
  table.push_back({"context", "chat.context", &o.context, "N",
                   "tokens that a conversation has room for, at most the model's own", "", 2, 1e9});
  table.push_back({.name = "max-new-tokens",
                   .key = "chat.max_new_tokens",
                   .field = &o.max_new_tokens,
                   .value = "N",
                   .help = "tokens of an answer at most",
                   .low = 1,
                   .high = 1e9,
                   .letter = 'n'});
  add_sampling(table, o);
  table.push_back(
      {"stop", "chat.stop", &o.stop, "TEXT", "the answer ends before this text; may be repeated"});
  add_run(table, o);
  add_dropout(table, o);
  add_ds_config(table, o);
  add_plugin_paths(table, o);
  add_common(table, o);
}

void check(const ChatOptions& o) {
  require_model(o);
  if (o.system && !o.load.empty())
    throw UsageError("--system", "not with --load", "write the system's message into the file");
  if (o.chat_template_kwargs) parse_template_variables(*o.chat_template_kwargs);
  if (std::ranges::find(o.stop, "") != o.stop.end())
    throw UsageError("--stop", "the text is empty", "give a text or leave it out");
}

// The loop over the user's lines.
class Dialog {
 public:
  Dialog(const ChatOptions& settings, chat::Talk& talk, bool terminal)
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
        return say(input.text.empty() ? "The conversation begins anew without a system's message."
                                      : "The conversation begins anew with this system's message.");
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

  void answered(const chat::Answer& answer) {
    const auto& result = answer.result;
    const auto made = static_cast<std::int64_t>(result.tokens.front().size());
    if (settings_.json)
      print_json({{"role", "assistant"},
                  {"content", answer.text},
                  {"finish_reason", finish_text(result.finishes.front())},
                  {"prompt_tokens", answer.prompt_tokens},
                  {"reused_tokens", answer.reused},
                  {"new_tokens", made}});
    else
      print("\n");
    Log(settings_.verbose)
        .line(STRATA_INFO, turn_text(static_cast<std::int64_t>(answer.prompt_tokens), answer.reused,
                                     made, result));
    if (!settings_.save.empty()) talk_.save(settings_.save);
  }

  const ChatOptions& settings_;
  chat::Talk& talk_;
  bool terminal_;
  chat::LineReader lines_;
};

void chat(const ChatOptions& settings) {
  Opened plugins(settings);
  const auto model = open_model(settings, plugins, false);
  const auto tokenizer = open_tokenizer(*model.checkpoint);
  const auto format = open_chat(*model.checkpoint, tokenizer);
  const auto variables = settings.chat_template_kwargs
                             ? parse_template_variables(*settings.chat_template_kwargs)
                             : nlohmann::ordered_json::object();
  const auto generation = open_generation_config(*model.checkpoint);
  const auto own = context_length_of(*model.config);
  const bool given = settings.given.contains("chat.context");
  const auto context = own > 0 && !given ? std::min(settings.context, own) : settings.context;
  warn_beyond_context(model, context, plugins.log());
  run::GenerateRequest request;
  request.new_tokens = settings.max_new_tokens;
  request.ends = ends_of(model, generation);
  request.sampling = sampling_of(settings, settings, generation);
  request.canceled = [] { return Interrupts::noted() != 0; };
  auto planned = plan_run(
      settings, model,
      {.sequences = 1, .tokens = context, .prompt = std::min<int64_t>(context, 512)}, plugins);
  const auto asked = asked_of(planned);
  const auto session = open_session(settings, model, std::move(planned), false, plugins);
  say_loaded(report(*session, plugins, asked), plugins.log());
  chat::Talk talk({.session = *session,
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
  write_trace(settings.trace, *session);
}

}  // namespace

const cli::Command chat_command{"chat", "MODEL [--system TEXT | --load FILE] [options]",
                                "talk with a model on the terminal",
                                cli::make_call<ChatOptions, options, check, chat>, "model"};

}  // namespace strata::host
