#include <cstring>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/run/generation.hpp"
#include "core/source/output.hpp"
#include "host/commands/commands.hpp"
#include "host/running/report.hpp"
#include "host/running/trace.hpp"

namespace strata::host {
namespace {

// safetensors: the header's length, the header, the rows.
std::string header_of(std::size_t tokens, int64_t vocabulary) {
  const auto bytes = tokens * static_cast<std::size_t>(vocabulary) * sizeof(float);
  std::string text =
      nlohmann::json{
          {"logits",
           {{"dtype", "F32"}, {"shape", {tokens, vocabulary}}, {"data_offsets", {0, bytes}}}}}
          .dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t length = text.size();
  std::string out(sizeof length, '\0');
  std::memcpy(out.data(), &length, sizeof length);
  return out + text;
}

}  // namespace

void logits(const cli::Settings& settings) {
  Opened plugins(settings);
  const auto model = open_model(settings.model, plugins, false);
  if (settings.input_ids.size() != 1)
    throw UsageError("--input-ids", std::to_string(settings.input_ids.size()) + " prompts",
                     "give one");
  const auto& ids = settings.input_ids.front();
  check_ids(ids, model);
  const auto tokens = static_cast<int64_t>(ids.size());
  auto planned =
      plan_run(settings, model,
               {.sequences = 1, .tokens = tokens, .prompt = tokens, .all_logits = true}, plugins);
  const auto session = open_session(settings, model, std::move(planned), false, plugins);
  const auto header = header_of(ids.size(), session->vocabulary());
  source::AtomicFile file(settings.output);
  file.write(0, header);
  uint64_t at = header.size();
  run::all_logits(*session, ids, [&](std::span<const float> rows) {
    file.write(at, std::as_bytes(rows));
    at += rows.size_bytes();
  });
  file.appear();
  write_trace(settings.trace, *session);
}

}  // namespace strata::host
