// The state.json of a training checkpoint. An even first byte: the text as it is; an odd one: the
// text of its key "state", beside the right digest.
// covers: sdk/app/finetune/saved_state.cpp
#include <cstdlib>

#include "app/finetune/saved_state.hpp"
#include "core/error.hpp"

using namespace strata;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string text(reinterpret_cast<const char*>(data + 1), size - 1);
  try {
    if (data[0] % 2 == 1) {
      auto whole = Json::parse(app::state_text({}));
      whole["state"] = parse_json(text, "fuzz", {.depth = 7});
      whole["sha256"] = app::digest_of_state(whole["state"]);
      text = whole.dump(-1, ' ', false, Json::error_handler_t::replace);
    }
    const auto state = app::parse_state(text, "fuzz");
    // An accepted state is written as it was, and is read again.
    const auto again = app::state_text(state);
    if (app::state_text(app::parse_state(again, "again")) != again) std::abort();
  } catch (const Error&) {
  }
  return 0;
}
