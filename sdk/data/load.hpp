// Data files into rows of tokens.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "data/data_file.hpp"
#include "data/encode_row.hpp"
#include "data/token_rows.hpp"

namespace strata::data {

struct LoadCounts {
  std::uint64_t rows = 0;          // that the files have
  std::uint64_t kept = 0;          // that are trained on
  std::uint64_t unscored = 0;      // left out: nothing of them is scored
  std::uint64_t truncated = 0;     // of those kept: longer than max_length
  std::uint64_t cut_unscored = 0;  // left out: nothing of their first max_length tokens is scored
  std::uint64_t cut_tokens = 0;    // of the two above
  std::uint64_t tokens = 0;        // of the kept rows
  std::uint64_t scored_tokens = 0;
};

struct DataFile {
  std::string path;
  std::string sha256;  // of the bytes that were read
};

struct Loaded {
  TokenRows rows;  // in the order of the files
  LoadCounts counts;
  std::vector<DataFile> files;
};

// Reads files whose rows may be of any shape. The files are read once. Throws Error with the file
// and the line of a row that is refused, as one with an id that the model does not have is, and
// where no row has anything that is scored.
// `parquet` opens .parquet files.
Loaded load_rows(const std::vector<std::string>& paths, const RowEncoder& encoder,
                 const std::function<OpenParquet>& parquet = {});

// The two texts of a pair, as {prompt, chosen, rejected} gives them: the scored tokens are those of
// the answers.
struct TokenPairs {
  TokenRows chosen, rejected;   // row i of both has the same prompt
  std::uint64_t rows = 0;       // that the files have
  std::uint64_t cut = 0;        // pairs left out: an answer lies behind max_length
  std::uint64_t truncated = 0;  // of those kept: a text is longer than max_length
  std::uint64_t equal = 0;      // of those kept: both rows have the same tokens
  std::vector<DataFile> files;
};
TokenPairs load_pairs(const std::vector<std::string>& paths, const RowEncoder& encoder,
                      const std::function<OpenParquet>& parquet = {});

}  // namespace strata::data
