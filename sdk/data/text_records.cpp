#include "core/utf8.hpp"
#include "data/records.hpp"

namespace strata::data {
namespace {

class TextRecords final : public Records {
 public:
  TextRecords(ByteInput& input, std::string file) : cursor_(input), file_(std::move(file)) {}

  bool next(Record& record) override {
    while (!cursor_.at_end()) {
      const auto text = line();
      if (text.empty()) continue;
      if (const auto at = invalid_utf8(text))
        throw Error(place_of(file_, line_), "byte " + std::to_string(*at + 1) + " is not UTF-8",
                    "convert the file to UTF-8");
      record.line = line_;
      record.value = OrderedJson::object();
      record.value["text"] = text;
      return true;
    }
    return false;
  }

 private:
  std::string line() {
    ++line_;
    std::string text;
    while (!cursor_.at_end()) {
      const char c = cursor_.take();
      if (c == '\n') break;
      if (c == '\r') {
        if (!cursor_.at_end() && cursor_.peek() == '\n') cursor_.take();
        break;
      }
      if (text.size() == longest_record)
        throw Error(place_of(file_, line_), "a line has more than 64 MiB", "break the line");
      text += c;
    }
    return text;
  }

  ByteCursor cursor_;
  std::string file_;
  std::uint64_t line_ = 0;
};

}  // namespace

std::unique_ptr<Records> text_records(ByteInput& input, std::string file) {
  return std::make_unique<TextRecords>(input, std::move(file));
}

}  // namespace strata::data
