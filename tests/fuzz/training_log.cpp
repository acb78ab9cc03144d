// The JSON log of a run that continues. The first byte is the step behind which it continues.
// covers: sdk/app/training_log/log_lines.cpp sdk/app/training_log/record_json.cpp
#include <cstdlib>
#include <sstream>
#include <string>

#include "app/training_log/log_lines.hpp"
#include "app/training_log/record_json.hpp"

using namespace strata::training_log;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::istringstream log(std::string(reinterpret_cast<const char*>(data + 1), size - 1));
  std::string text;
  try {
    const auto kept = kept_lines(log, "run.jsonl", data[0], [&](auto line) { text += line; });
    // The shorter log is read as it is, and a record that is written again is the same object.
    std::istringstream shorter(text);
    const auto again = kept_lines(shorter, "run.jsonl", data[0], [](auto) {});
    if (!again.all || again.records.steps.size() != kept.records.steps.size()) std::abort();
    for (const auto& step : kept.records.steps) {
      const auto words = json_of(step).dump();
      if (json_of(step_of(strata::parse_json(words, "again"), "again")).dump() != words)
        std::abort();
    }
    for (const auto& validation : kept.records.validations) json_of(validation);
  } catch (const strata::Error&) {
  }
  return 0;
}
