#include "app/training_log/jsonl_log.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "app/training_log/log_lines.hpp"
#include "app/training_log/record_json.hpp"
#include "core/source/output.hpp"

namespace strata::training_log {
namespace {

namespace fs = std::filesystem;

// Cuts the lines behind `resumed` off. The file is replaced only where it changes.
Records cut(const std::string& path, int64_t resumed) {
  std::ifstream log(path, std::ios::binary);
  if (!log)
    throw Error(path, std::string("opening failed: ") + std::strerror(errno), "name another file");
  source::AtomicFile shorter(path);
  uint64_t bytes = 0;
  auto kept = kept_lines(log, path, resumed, [&](std::string_view line) {
    shorter.write(bytes, line);
    bytes += line.size();
  });
  if (!kept.all) shorter.appear();
  return std::move(kept.records);
}

Records prepare(const std::string& path, std::optional<int64_t> resumed) {
  std::error_code error;
  if (!fs::is_regular_file(path, error) || fs::file_size(path, error) == 0) return {};
  if (!resumed)
    throw UsageError(path, "is a file that has content", "name a new one for the log of a new run");
  return cut(fs::canonical(path), *resumed);  // a link stays one
}

}  // namespace

JsonlLog::JsonlLog(const std::string& path, std::optional<int64_t> resumed)
    : kept_(prepare(path, resumed)), file_(path) {}

void JsonlLog::add(const StepRecord& step) {
  OrderedJson line{{"kind", "step"}};
  line.update(json_of(step));
  file_.append(line.dump() + "\n");
}

void JsonlLog::add(const ValidationRecord& validation) {
  OrderedJson line{{"kind", "validation"}};
  line.update(json_of(validation));
  file_.append(line.dump() + "\n");
}

}  // namespace strata::training_log
