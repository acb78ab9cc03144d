// A command is a value: its words, its options, and the function that carries it out.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/cli/common_options.hpp"
#include "host/cli/option.hpp"

namespace strata::cli {

// One use of a command: its options, each bound to a field of a struct of its own.
class Call {
 public:
  virtual ~Call() = default;
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  const Table& table() const { return table_; }
  virtual CommonOptions& common() = 0;
  // Throws a UsageError that names the option that is missing or that excludes another.
  virtual void check() const = 0;
  // Prints the command's result; failures are thrown.
  virtual void run() = 0;

  // The command's own struct, of type Options.
  template <class Options>
  const Options& as() const;

 protected:
  Call() = default;
  Table table_;
};

template <class Options>
class CallOf : public Call {
 public:
  CommonOptions& common() override { return options; }
  Options options;
};

template <class Options>
const Options& Call::as() const {
  return dynamic_cast<const CallOf<Options>&>(*this).options;
}

template <class Options, void (*bind)(Table&, Options&), void (*check_options)(const Options&),
          void (*run_command)(const Options&)>
std::unique_ptr<Call> make_call() {
  class Bound final : public CallOf<Options> {
   public:
    Bound() { bind(this->table_, this->options); }
    void check() const override { check_options(this->options); }
    void run() override { run_command(this->options); }
  };
  return std::make_unique<Bound>();
}

struct Command {
  std::string_view words;     // "plugins list"
  std::string_view synopsis;  // after the words
  std::string_view summary;
  std::unique_ptr<Call> (*call)();  // a new one, all options at their defaults
  std::string_view positional{};    // the option that may be given without its name
  // Replaces other programs' spellings in the arguments after the words; what the user should know
  // of them is added to `notes`. Throws UsageError for what it refuses. Null: there are none.
  std::vector<std::string> (*respell)(std::vector<std::string> arguments,
                                      std::vector<std::string>& notes) = nullptr;
  // After the first Ctrl-C or SIGTERM it goes on to an end of its own, which may take long.
  bool finishes = false;
  // It is one process, whose option `ranks` is a number that it uses; other commands with that
  // option are carried out by as many processes.
  bool one_process = false;
};

// All commands, in the order of --help. host/commands/commands.cpp lists them.
std::span<const Command* const> commands();

const Command* find_command(std::string_view words);
std::vector<std::string> known_commands();

// A call of some command that has an option of this name or key; null: none has.
std::unique_ptr<Call> call_with_name(std::string_view name);
std::unique_ptr<Call> call_with_key(std::string_view key);

// Every key that run.toml may hold.
std::vector<std::string> known_keys();

}  // namespace strata::cli
