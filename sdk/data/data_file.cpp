#include "data/data_file.hpp"

#include <cctype>
#include <filesystem>

#include "core/error.hpp"

namespace strata::data {
namespace {

std::string kind_of(const std::string& path) {
  auto kind = std::filesystem::path(path).extension().string();
  for (auto& c : kind) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return kind;
}

std::unique_ptr<Records> records_of(ByteInput& input, const std::string& path,
                                    const std::string& kind) {
  if (kind == ".json") return json_records(input, path, false);
  if (kind == ".jsonl" || kind == ".ndjson") return json_records(input, path, true);
  if (kind == ".csv") return csv_records(input, path);
  if (kind == ".txt") return text_records(input, path);
  throw Error(path, "the name of a data file ends otherwise",
              "give a .json, .jsonl, .csv or .txt file");
}

}  // namespace

std::string read_records(const std::string& path, const std::function<void(Record&)>& each) {
  FileInput input(path);
  const auto records = records_of(input, path, kind_of(path));
  Record record;
  while (records->next(record)) each(record);
  return input.sha256();
}

}  // namespace strata::data
