// Writes a folder of files to its place, also into a folder that is there.
#pragma once
#include <functional>
#include <string>
#include <string_view>

namespace strata::app {

// The folder in a result's folder in which its files are until all of them are whole.
inline constexpr std::string_view written_model = "model.part";

// Calls `write` with the path of a folder that it writes: `output` itself where that is new. In a
// folder that is there, such as one with checkpoints, a mount point, a link's folder or the current
// one, which nothing can be renamed onto, the files are moved when all are written, and replace
// those of their names; the file `last` is moved behind all others: without it a folder is no
// result.
void write_result(const std::string& output, const char* last,
                  const std::function<void(const std::string& folder)>& write);

}  // namespace strata::app
