#include "tests/proofs/proof.hpp"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/run/generation.hpp"

namespace strata::proof {
namespace {

app::Capacity capacity_of(const host::GenerateOptions& options) {
  app::Capacity out{
      .sequences = static_cast<uint32_t>(options.input_ids.size()), .tokens = 0, .prompt = 0};
  for (const auto& ids : options.input_ids) {
    const auto length = static_cast<int64_t>(ids.size());
    out.tokens = std::max(out.tokens, length + options.max_new_tokens);
    out.prompt += length;
  }
  return out;
}

// The bytes that the disk read for this process, by the kernel's count.
uint64_t kernel_bytes() {
  std::ifstream file("/proc/self/io");
  std::string key;
  for (uint64_t value = 0; file >> key >> value;)
    if (key == "read_bytes:") return value;
  throw Error("/proc/self/io", "it has no read_bytes", "use a kernel that counts them");
}

}  // namespace

int run(int argc, char** argv, void (*proof)(const Arguments&)) {
  try {
    const std::vector<std::string> all(argv + 1, argv + argc);
    const auto cut = std::ranges::find(all, "--");
    Arguments arguments{{all.begin(), cut}, nullptr};
    std::vector<std::string> generate{"generate"};
    if (cut != all.end()) generate.insert(generate.end(), cut + 1, all.end());
    arguments.call = std::move(cli::parse_command_line(generate).call);
    proof(arguments);
    return 0;
  } catch (const std::exception& e) {
    std::cerr << "error: " << e.what() << "\n";
    return 1;
  }
}

Prepared::Prepared(const host::GenerateOptions& chosen)
    : options(chosen), plugins(host::plugin_options(options)),
      model(host::open_model(options, plugins)),
      planned(app::plan_run(options, model, capacity_of(options), plugins)) {}

run::SessionParts Prepared::parts() {
  return app::session_parts(options, model, planned, false, plugins);
}

void generate(run::Session& session, const host::GenerateOptions& options) {
  run::GenerateRequest request;
  request.prompts = options.input_ids;
  request.new_tokens = options.max_new_tokens;
  const auto before = kernel_bytes();
  const auto made = run::generate(session, request);
  const auto steps = static_cast<uint64_t>(std::max<int64_t>(made.steps, 1));
  std::cout << nlohmann::json{{"tokens", made.tokens},
                              {"step", made.decode.counted / steps},
                              {"planned_step", made.decode.planned / steps},
                              {"all", session.moved().counted},
                              {"kernel", kernel_bytes() - before}}
            << std::endl;
}

}  // namespace strata::proof
