// [Note: own CSV] Debian 12 has no reader of CSV that takes line breaks inside quotes, refuses what
// RFC 4180 does not allow, and is maintained; the grammar is a page.
#include <set>

#include "core/utf8.hpp"
#include "data/records.hpp"

namespace strata::data {
namespace {

constexpr std::size_t most_columns = 1024;
constexpr auto remedy = "write the file as RFC 4180 has it, with quotes around texts";

class CsvRecords final : public Records {
 public:
  CsvRecords(ByteInput& input, std::string file) : cursor_(input), file_(std::move(file)) {
    if (!next_line()) return;
    std::set<std::string> names;
    for (const auto& name : fields_) {
      if (!names.insert(name).second) fail("column '" + printable(name, 60) + "' occurs twice");
      columns_.push_back(name);
    }
  }

  bool next(Record& record) override {
    if (!next_line()) return false;
    if (fields_.size() != columns_.size())
      fail(std::to_string(fields_.size()) + " fields, but the first line names " +
           std::to_string(columns_.size()) + " columns");
    record = {OrderedJson::object(), line_};
    for (std::size_t i = 0; i < fields_.size(); ++i) record.value[columns_[i]] = fields_[i];
    return true;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(place_of(file_, line_), what, remedy);
  }

  // Reads the fields of the next line that is not empty.
  bool next_line() {
    while (!cursor_.at_end()) {
      line_ = cursor_.line();
      fields_.clear();
      bytes_ = 0;
      bool quoted = false;
      do {
        if (fields_.size() == most_columns) fail("more than 1024 fields");
        fields_.push_back(field(quoted));
      } while (take_comma());
      if (fields_.size() > 1 || quoted || !fields_[0].empty()) return true;
    }
    return false;
  }

  bool take_comma() {
    if (cursor_.at_end()) return false;
    const char c = cursor_.take();
    if (c == ',') return true;
    if (c == '\r' && !cursor_.at_end() && cursor_.peek() == '\n') cursor_.take();
    return false;  // field() stops at a comma or at the end of a line
  }

  std::string field(bool& quoted) {
    std::string out;
    if (!cursor_.at_end() && cursor_.peek() == '"') {
      quoted = true;
      cursor_.take();
      while (true) {
        if (cursor_.at_end()) fail("the file ends inside quotes");
        const char c = cursor_.take();
        if (c != '"') {
          add(out, c);
        } else if (!cursor_.at_end() && cursor_.peek() == '"') {
          add(out, cursor_.take());
        } else {
          break;
        }
      }
      if (!cursor_.at_end() && !ends(cursor_.peek())) fail("text stands behind a closing quote");
    }
    while (!cursor_.at_end() && !ends(cursor_.peek())) {
      if (cursor_.peek() == '"') fail("a quote stands inside a field that no quotes enclose");
      add(out, cursor_.take());
    }
    if (const auto at = invalid_utf8(out))
      fail("field " + std::to_string(fields_.size() + 1) + " is not UTF-8");
    return out;
  }

  static bool ends(char c) { return c == ',' || c == '\n' || c == '\r'; }

  void add(std::string& out, char c) {
    if (++bytes_ > longest_record) fail("a record has more than 64 MiB");
    out += c;
  }

  ByteCursor cursor_;
  std::string file_;
  std::uint64_t line_ = 1;
  std::size_t bytes_ = 0;
  std::vector<std::string> columns_, fields_;
};

}  // namespace

std::unique_ptr<Records> csv_records(ByteInput& input, std::string file) {
  return std::make_unique<CsvRecords>(input, std::move(file));
}

}  // namespace strata::data
