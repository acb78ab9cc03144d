// A data file by its path: the kind that its name tells, and its records.
#pragma once
#include <functional>
#include <string>

#include "data/records.hpp"

namespace strata::data {

// Opens the records of a Parquet file: the function strata_open_parquet of libstrata-parquet, which
// is loaded when it is called. Its lines are row numbers.
using OpenParquet = std::unique_ptr<Records>(ByteInput& input, const std::string& file);

// Calls `each` with every record in turn, and returns the SHA-256 of the bytes that were read. The
// name ends with .json, .jsonl, .ndjson, .csv, .txt or .parquet, in any case. Throws Error for
// another name, for a file that cannot be read, and for Parquet without `parquet`; exceptions of
// `each` pass.
std::string read_records(const std::string& path, const std::function<void(Record&)>& each,
                         const std::function<OpenParquet>& parquet = {});

}  // namespace strata::data
