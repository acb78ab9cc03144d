// The state.json of a training checkpoint, or a rank's list of the files that it wrote, where the
// first byte has bit 1. An even first byte: the text as it is; an odd one: the text of its key
// "state" or "files", beside the right digest.
// covers: sdk/app/finetune/saved_state.cpp
#include <cstdlib>

#include "app/finetune/saved_state.hpp"
#include "core/error.hpp"

using namespace strata;

namespace {

// The text beside its digest in the object that has `key`.
std::string with_digest(const std::string& text, const std::string& object, const char* key) {
  auto whole = Json::parse(object);
  whole[key] = parse_json(text, "fuzz", {.depth = 7});
  whole["sha256"] = app::digest_of_state(whole[key]);
  return whole.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// An accepted text is written as it was, and is read again.
void read_state(const std::string& text) {
  const auto again = app::state_text(app::parse_state(text, "fuzz"));
  if (app::state_text(app::parse_state(again, "again")) != again) std::abort();
}

void read_files(const std::string& text) {
  const auto again = app::files_text(app::parse_files(text, "fuzz"));
  if (app::files_text(app::parse_files(again, "again")) != again) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string text(reinterpret_cast<const char*>(data + 1), size - 1);
  const bool list = (data[0] & 2) != 0;
  try {
    if (data[0] % 2 == 1)
      text = with_digest(text, list ? app::files_text({}) : app::state_text({}),
                         list ? "files" : "state");
    if (list)
      read_files(text);
    else
      read_state(text);
  } catch (const Error&) {
  }
  return 0;
}
