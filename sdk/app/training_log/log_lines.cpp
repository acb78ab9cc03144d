#include "app/training_log/log_lines.hpp"

#include <limits>

#include "app/training_log/record_json.hpp"

namespace strata::training_log {
namespace {

constexpr std::size_t longest_line = 1 << 20;
constexpr const char* remedy = "name another file, or move this one away";

class Lines {
 public:
  Lines(std::istream& log, std::string path) : log_(log), path_(std::move(path)) {}

  // False at the end; `whole` says whether the line ended with a newline, which `line` leaves out.
  bool next(std::string& line, bool& whole) {
    line.clear();
    ++number_;
    constexpr int end = std::istream::traits_type::eof();
    for (int c = log_.get(); c != end; c = log_.get()) {
      if (c == '\n') return whole = true;
      if (line.size() == longest_line)
        throw Error(who(), "is longer than any line of a log", remedy);
      line += static_cast<char>(c);
    }
    if (log_.bad()) throw Error(path_, "reading failed", "check the disk");
    whole = false;
    return !line.empty();
  }
  std::string who() const { return path_ + " line " + std::to_string(number_); }

 private:
  std::istream& log_;
  std::string path_;
  uint64_t number_ = 0;
};

int64_t step_number(const Json& object, const std::string& who) {
  const auto found = object.is_object() ? object.find("step") : object.end();
  if (!object.is_object() || found == object.end() || !found->is_number_unsigned() ||
      found->get<uint64_t>() > uint64_t(std::numeric_limits<int64_t>::max()))
    throw Error(who, "has no step", remedy);
  return found->get<int64_t>();
}

// Adds the line's record, unless it is behind `last`; then returns false.
bool take(const std::string& line, const std::string& who, int64_t last, Records& records) {
  const auto object = parse_json(line, who, {.depth = 8, .remedy = remedy});
  if (step_number(object, who) > last) return false;
  const auto kind = object.find("kind");
  if (kind != object.end() && *kind == "step") records.steps.push_back(step_of(object, who));
  if (kind != object.end() && *kind == "validation")
    records.validations.push_back(validation_of(object, who));
  return true;
}

}  // namespace

KeptLines kept_lines(std::istream& log, const std::string& path, int64_t last,
                     const std::function<void(std::string_view line)>& keep) {
  KeptLines kept;
  Lines lines(log, path);
  bool whole = true;
  for (std::string line; lines.next(line, whole);) {
    bool taken = false;
    try {
      taken = take(line, lines.who(), last, kept.records);
    } catch (const NotJson&) {
      if (whole) throw;  // else the process ended while it wrote this line
    }
    kept.all = kept.all && taken && whole;
    if (taken) keep(line += '\n');
  }
  return kept;
}

}  // namespace strata::training_log
