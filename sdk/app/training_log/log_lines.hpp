// The reading of a JSON log up to the step behind which a run continues.
#pragma once
#include <functional>
#include <istream>
#include <string>
#include <string_view>

#include "app/training_log/records.hpp"

namespace strata::training_log {

struct KeptLines {
  Records records;
  bool all = true;  // the log is what was kept, byte for byte
};

// Hands every line of a step up to `last` to `keep`, with its newline. Lines of later steps and a
// last line that was not written to its end are left out; lines of kinds that are not known have no
// record. Throws Error, with `path` and the number of the line, where the text is no log.
KeptLines kept_lines(std::istream& log, const std::string& path, int64_t last,
                     const std::function<void(std::string_view line)>& keep);

}  // namespace strata::training_log
