#include "app/finetune.hpp"

#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "app/ranks.hpp"
#include "host/commands/commands.hpp"
#include "host/options/finetune_options.hpp"
#include "host/options/finetune_spellings.hpp"
#include "host/process/ended.hpp"
#include "host/process/interrupts.hpp"
#include "host/process/output.hpp"
#include "host/process/progress.hpp"
#include "host/ranks/team.hpp"

namespace strata::host {
namespace {

// A signal handler prints this; on a terminal it clears the line of the progress before it.
constexpr auto cleared_ending =
    "\r\x1b[Kstrata: ending after a checkpoint; once more ends at once\n";
constexpr auto ending = cleared_ending + 4;

// The lines of the run: standard output holds them, unless it is for the one object of --json. On a
// terminal a line that replaces itself is on standard error.
class Screen {
 public:
  Screen(bool json, bool quiet)
      : json_(json), quiet_(quiet), terminal_(isatty(STDERR_FILENO) == 1) {}
  ~Screen() { clear(); }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  void say(std::string_view line) {
    if (quiet_) return;
    clear();
    if (json_)
      std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
    else
      print(std::string(line) + "\n");
  }
  void progress(std::string_view line) {
    if (quiet_ || !terminal_) return;
    clear();
    std::fprintf(stderr, "%.*s", static_cast<int>(line.size()), line.data());
    shown_ = true;
  }
  bool terminal() const { return terminal_; }
  void clear() {
    if (shown_) std::fputs("\r\x1b[K", stderr);
    shown_ = false;
  }

 private:
  bool json_, quiet_, terminal_, shown_ = false;
};

// The lines of a run whose reader may go away. One process ends then; of several ranks all end
// behind the step, since the others wait for this one.
class Lines {
 public:
  Lines(Screen& screen, const Team& team) : screen_(screen), alone_(team.alone()) {}

  void say(std::string_view line) {
    if (closed_) return;
    try {
      screen_.say(line);
    } catch (const Ended& e) {
      if (alone_) throw;
      closed_ = e;
    }
  }
  bool closed() const { return closed_.has_value(); }
  void end_if_closed() const {
    if (closed_) throw *closed_;
  }

 private:
  Screen& screen_;
  bool alone_;
  std::optional<Ended> closed_;
};

// Shows the progress, and ends it when all is done.
app::LoadProgress shown(Progress& progress) {
  return [&progress](std::uint64_t done, std::uint64_t all) {
    progress.at(done, all);
    if (done == all) progress.end();
  };
}

app::FinetuneResult finetune_on(const FinetuneCommand& settings, const Team& team) {
  auto common = static_cast<const cli::CommonOptions&>(settings);
  common.verbose = common.verbose || settings.log_level == "debug";
  auto plugins = open_plugins(common);
  app::RunOptions run = settings;
  run.timeline = !settings.trace.empty() && team.prints();
  Screen screen(settings.json,
                !team.prints() || (settings.log_level != "debug" && settings.log_level != "info"));
  Lines lines(screen, team);
  Progress quantizing("quantizing", "bytes", team.prints());
  Progress loading("loading", "bytes", team.prints());
  // The first Ctrl-C or SIGTERM in a step is noted, and the run ends behind that step; the second
  // one ends the program at once, as does one before the first step.
  std::optional<Interrupts> interrupts;
  const app::FinetuneEvents events{
      .say = [&](std::string_view line) { lines.say(line); },
      .progress = [&](std::string_view line) { screen.progress(line); },
      .quantizing = shown(quantizing),
      .loading = shown(loading),
      .begin =
          [&] {
            const auto* words = screen.terminal() ? cleared_ending : ending;
            interrupts.emplace(team.prints() ? words : nullptr);
          },
      .stop = [&] { return Interrupts::noted() != 0 || lines.closed(); },
  };
  const app::FinetuneRanks ranks{
      .group = team.group(),
      .check = [&](const run::Model& model, const app::Plugins& used) { team.check(model, used); },
      .cores = settings.cores,
  };
  auto model = model_options(settings);
  model.quant = quant_options(settings, run.threads);
  auto result = app::finetune(model, run, finetune_options(settings), plugins, events, ranks);
  screen.clear();
  lines.end_if_closed();
  if (result.status != 0) return result;
  if (settings.json && team.prints()) print(result.json + "\n");
  Interrupts::end_if_noted();
  return result;
}

void finetune(const FinetuneCommand& settings) {
  on_ranks(settings, settings, [&](const Team& team) {
    const auto result = finetune_on(settings, team);
    if (result.status != 0) throw app::SharedError("finetune", result.fact, result.remedy);
  });
}

}  // namespace

const cli::Command finetune_command{
    "finetune",
    "MODEL --data FILE --output DIR --lr R [options]",
    "train a model, or adapters beside it, on rows of text",
    cli::make_call<FinetuneCommand, add_finetune, check_finetune, finetune>,
    "model",
    respell_finetune,
    true};

}  // namespace strata::host
