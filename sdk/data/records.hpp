// The records of data files: what a line of JSON Lines, an element of a JSON list, a line of CSV or
// a line of plain text holds, each as JSON with the line at which it begins.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "core/json.hpp"
#include "data/byte_input.hpp"

namespace strata::data {

// The most bytes of one record.
inline constexpr std::size_t longest_record = 64 << 20;

struct Record {
  OrderedJson value;
  std::uint64_t line = 0;  // from 1
};

class Records {
 public:
  virtual ~Records() = default;
  // Fills `record` with the next one; false at the end. Throws Error beginning with "FILE:LINE".
  virtual bool next(Record& record) = 0;
};

// A list of values, values one after the other, or an object whose "data" is a list of rows. With
// `lines` each line is a value, unless the file is a list. A value that is a text stands for
// {"text": ...}. The input outlives the records, here and below.
std::unique_ptr<Records> json_records(ByteInput& input, std::string file, bool lines);

// RFC 4180: the first line names the columns, and each record is an object of texts. Lines that are
// empty are skipped.
std::unique_ptr<Records> csv_records(ByteInput& input, std::string file);

// Each line that is not empty is a record {"text": line}. Lines end with \n, \r\n or \r.
std::unique_ptr<Records> text_records(ByteInput& input, std::string file);

// "FILE:LINE", which begins the errors of a record.
std::string place_of(const std::string& file, std::uint64_t line);

}  // namespace strata::data
