// A data file by its path: the kind that its name tells, and its records.
#pragma once
#include <functional>
#include <string>

#include "data/records.hpp"

namespace strata::data {

// Calls `each` with every record in turn, and returns the SHA-256 of the bytes that were read. The
// name ends with .json, .jsonl, .ndjson, .csv, .txt or .parquet, in any case. Throws Error for
// another name, and for a file that cannot be read; exceptions of `each` pass.
std::string read_records(const std::string& path, const std::function<void(Record&)>& each);

}  // namespace strata::data
