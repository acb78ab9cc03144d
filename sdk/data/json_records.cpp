#include <utility>

#include "core/utf8.hpp"
#include "data/records.hpp"

namespace strata::data {
namespace {

constexpr auto remedy = "correct the file";
constexpr auto rows_key = "data";

bool is_white(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Takes the bytes of one value, up to the end of its brackets or of its text; its parser checks
// them. `cursor` is at its first byte.
class ValueText {
 public:
  ValueText(ByteCursor& cursor, const std::string& file)
      : cursor_(cursor), file_(file), line_(cursor.line()) {}

  std::string take() {
    if (cursor_.peek() == '"') {
      quoted();
    } else if (cursor_.peek() == '{' || cursor_.peek() == '[') {
      brackets();
    } else {
      while (!cursor_.at_end() && !is_white(cursor_.peek()) && cursor_.peek() != ',' &&
             cursor_.peek() != ']' && cursor_.peek() != '}')
        step();
    }
    return std::move(text_);
  }

 private:
  char step() {
    if (cursor_.at_end())
      throw Error(place_of(file_, line_), "the file ends inside a value", remedy);
    if (text_.size() == longest_record)
      throw Error(place_of(file_, line_), "a value has more than 64 MiB",
                  "write one row a line, as JSON Lines");
    text_ += cursor_.take();
    return text_.back();
  }

  void quoted() {
    step();
    for (char c = step(); c != '"'; c = step())
      if (c == '\\') step();
  }

  void brackets() {
    for (std::uint64_t depth = 0;;) {
      if (cursor_.peek() == '"') {
        quoted();
        continue;
      }
      const char c = step();
      if (c == '{' || c == '[') ++depth;
      if ((c == '}' || c == ']') && --depth == 0) return;
    }
  }

  ByteCursor& cursor_;
  const std::string& file_;
  std::uint64_t line_;
  std::string text_;
};

class JsonRecords final : public Records {
 public:
  JsonRecords(ByteInput& input, std::string file, bool lines)
      : cursor_(input), file_(std::move(file)) {
    cursor_.skip_white();
    if (cursor_.at_end()) return;
    if (cursor_.peek() == '[') {
      form_ = Form::list;
      cursor_.take();
    } else {
      form_ = lines ? Form::lines : Form::values;
    }
  }

  bool next(Record& record) override {
    switch (form_) {
      case Form::list:
        return next_of_list(record);
      case Form::lines:
        return next_line(record);
      case Form::rows:
        return next_row(record);
      default:
        return next_value(record);
    }
  }

 private:
  enum class Form { list, lines, values, rows };

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(place_of(file_, cursor_.line()), what, remedy);
  }

  void set(Record& record, const std::string& text, std::uint64_t line) const {
    record.line = line;
    record.value = parse_ordered_json(text, place_of(file_, line), {.remedy = remedy});
    as_row(record.value);
  }
  static void as_row(OrderedJson& value) {
    if (!value.is_string()) return;
    auto row = OrderedJson::object();
    row["text"] = std::move(value);
    value = std::move(row);
  }

  void take_value(Record& record) {
    const auto line = cursor_.line();
    set(record, ValueText(cursor_, file_).take(), line);
  }

  bool next_of_list(Record& record) {
    if (closed_) return false;
    cursor_.skip_white();
    if (cursor_.at_end()) fail("the file ends inside a list");
    if (!begun_ && cursor_.peek() == ']') return close();
    begun_ = true;
    take_value(record);
    cursor_.skip_white();
    if (cursor_.at_end()) fail("the file ends inside a list");
    if (cursor_.peek() == ']') return close(), true;
    if (cursor_.take() != ',') fail("no comma stands between two values of a list");
    return true;
  }
  bool close() {
    cursor_.take();
    cursor_.skip_white();
    if (!cursor_.at_end()) fail("there is more behind the list");
    closed_ = true;
    return false;
  }

  bool next_line(Record& record) {
    while (true) {
      cursor_.skip_white();
      if (cursor_.at_end()) return false;
      const auto line = cursor_.line();
      std::string text;
      while (!cursor_.at_end() && cursor_.peek() != '\n') {
        if (text.size() == longest_record)
          throw Error(place_of(file_, line), "a line has more than 64 MiB", remedy);
        text += cursor_.take();
      }
      set(record, text, line);
      return true;
    }
  }

  bool next_value(Record& record) {
    cursor_.skip_white();
    if (cursor_.at_end()) return false;
    const bool first = !std::exchange(begun_, true);
    take_value(record);
    cursor_.skip_white();
    // An object that is the whole file may hold the rows.
    if (!first || !cursor_.at_end() || !record.value.is_object()) return true;
    const auto rows = record.value.find(rows_key);
    if (rows == record.value.end() || !rows->is_array()) return true;
    form_ = Form::rows;
    line_ = record.line;
    auto held = std::move(*rows);
    rows_ = std::move(held);
    return next_row(record);
  }

  bool next_row(Record& record) {
    if (row_ == rows_.size()) return false;
    record.line = line_;
    record.value = std::move(rows_[row_++]);
    as_row(record.value);
    return true;
  }

  ByteCursor cursor_;
  std::string file_;
  Form form_ = Form::values;
  bool begun_ = false, closed_ = false;
  OrderedJson rows_;  // of the object that holds them
  std::size_t row_ = 0;
  std::uint64_t line_ = 0;
};

}  // namespace

std::unique_ptr<Records> json_records(ByteInput& input, std::string file, bool lines) {
  return std::make_unique<JsonRecords>(input, std::move(file), lines);
}

std::string place_of(const std::string& file, std::uint64_t line) {
  return file + ":" + std::to_string(line);
}

}  // namespace strata::data
