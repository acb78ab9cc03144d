// A proof is a small program that works like `strata generate`, with one change to its session:
// PROGRAM OWN... -- GENERATE'S OPTIONS.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "app/open_session.hpp"
#include "core/run/session.hpp"
#include "host/cli/command_line.hpp"
#include "host/commands/generate.hpp"

namespace strata::proof {

struct Arguments {
  std::vector<std::string> own;     // before "--"
  std::unique_ptr<cli::Call> call;  // of `strata generate`, after it

  const host::GenerateOptions& generate() const { return call->as<host::GenerateOptions>(); }
};

// Runs `proof` as the program runs a command: an exception becomes a line on stderr and a status.
int run(int argc, char** argv, void (*proof)(const Arguments&));

// The model of the options with its plugins, and its plan.
struct Prepared {
  explicit Prepared(const host::GenerateOptions& options);

  // Prepares again for a wish that was changed.
  void prepare_again() { planned.prepared = run::prepare(model, planned.wish); }
  run::SessionParts parts();

  const host::GenerateOptions& options;
  app::Plugins plugins;
  run::Model model;
  app::Planned planned;
};

// Generates for the options' prompts, and prints one line of JSON: the tokens, the bytes of a
// decode step as counted and planned, and those of all passes as counted and by the kernel.
void generate(run::Session& session, const host::GenerateOptions& options);

}  // namespace strata::proof
