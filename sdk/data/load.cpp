#include "data/load.hpp"

#include "core/error.hpp"

namespace strata::data {
namespace {

// Calls `each` with every record and its place, which begins the errors of the row.
template <class Each>
std::vector<DataFile> each_row(const std::vector<std::string>& paths,
                               const std::function<OpenParquet>& parquet, const Each& each) {
  std::vector<DataFile> files;
  for (const auto& path : paths) {
    const auto take = [&](Record& record) {
      each(std::move(record.value), place_of(path, record.line));
    };
    auto sha256 = read_records(path, take, parquet);
    files.push_back({path, std::move(sha256)});
  }
  return files;
}

EncodedRow encoded(const RowEncoder& encoder, const Row& row, const std::string& place) {
  try {
    return encoder.encode(row);
  } catch (const text::jinja::TemplateError& error) {
    throw Error(place, error.where() + ": " + error.fact(),
                "change the row, or the chat template beside the model");
  } catch (const Error& error) {
    throw Error(place, error.what(), "");
  }
}

// A row that is kept: the model looks up its ids, and that of its padding.
void need_known(const RowEncoder& encoder, const TokenRow& row, const std::string& place) {
  encoder.need_known(row.ids, place);
  if (row.pads > 0) encoder.need_known({&encoder.options().pad, 1}, place);
}

std::uint64_t scored_of(const TokenRow& row) {
  std::uint64_t count = 0;
  for (const auto& one : row.scored) count += one.end - one.begin;
  return count;
}

std::string names_of(const std::vector<std::string>& paths) {
  return paths.size() == 1 ? paths[0] : "the " + std::to_string(paths.size()) + " data files";
}

void need_rows(const std::vector<std::string>& paths, const LoadCounts& counts) {
  if (counts.kept > 0) return;
  if (counts.rows == 0) throw Error(names_of(paths), "there are no rows", "give a file with rows");
  if (counts.cut_unscored > 0)
    throw Error(names_of(paths),
                "nothing is scored: all that " + std::to_string(counts.cut_unscored) +
                    " rows would score lies behind --max-length",
                "raise --max-length");
  throw Error(names_of(paths),
              "nothing is scored in any of " + std::to_string(counts.rows) + " rows",
              "give rows with answers, or --loss-on all");
}

}  // namespace

Loaded load_rows(const std::vector<std::string>& paths, const RowEncoder& encoder,
                 const std::function<OpenParquet>& parquet) {
  Loaded out;
  out.rows.pad = encoder.options().pad;
  auto& counts = out.counts;
  out.files = each_row(paths, parquet, [&](OrderedJson&& value, const std::string& place) {
    const auto made = encoded(encoder, row_of(std::move(value), place), place);
    ++counts.rows;
    if (made.unscored) {
      ++counts.unscored;
      return;
    }
    counts.cut_tokens += made.cut;
    if (made.row.scored.empty()) {
      ++counts.cut_unscored;
      return;
    }
    need_known(encoder, made.row, place);
    ++counts.kept;
    counts.truncated += made.cut > 0 ? 1 : 0;
    counts.tokens += made.row.ids.size();
    counts.scored_tokens += scored_of(made.row);
    out.rows.add(made.row);
  });
  need_rows(paths, counts);
  return out;
}

TokenPairs load_pairs(const std::vector<std::string>& paths, const RowEncoder& encoder,
                      const std::function<OpenParquet>& parquet) {
  TokenPairs out;
  out.files = each_row(paths, parquet, [&](OrderedJson&& value, const std::string& place) {
    const auto pair = pair_of(std::move(value), place);
    const auto chosen = encoded(encoder, pair.chosen, place);
    const auto rejected = encoded(encoder, pair.rejected, place);
    ++out.rows;
    if (chosen.row.scored.empty() || rejected.row.scored.empty()) {
      ++out.cut;
      return;
    }
    for (const auto* one : {&chosen, &rejected}) need_known(encoder, one->row, place);
    // The shorter row is padded with the token that ends rows.
    if (const auto& eos = encoder.options().eos;
        eos && chosen.row.ids.size() != rejected.row.ids.size())
      encoder.need_known({&*eos, 1}, place);
    out.truncated += chosen.cut > 0 || rejected.cut > 0 ? 1 : 0;
    out.equal += chosen.row.ids == rejected.row.ids ? 1 : 0;
    out.chosen.add(chosen.row);
    out.rejected.add(rejected.row);
  });
  if (out.chosen.size() == 0)
    throw Error(names_of(paths),
                "no pair of " + std::to_string(out.rows) + " has two answers within --max-length",
                "give pairs with answers, or raise --max-length");
  if (out.equal == out.chosen.size())
    throw Error(
        names_of(paths),
        "no pair of " + std::to_string(out.equal) + " has answers that differ within --max-length",
        "give pairs with other answers, or raise --max-length");
  return out;
}

}  // namespace strata::data
