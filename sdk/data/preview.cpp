#include "data/preview.hpp"

#include <algorithm>

#include "text/text_stream.hpp"

namespace strata::data {

std::vector<PreviewPiece> preview(const TokenRows& rows, std::size_t row,
                                  const text::Tokenizer& tokenizer, std::size_t most) {
  std::vector<PreviewPiece> out;
  const auto ids = rows.ids(row);
  const auto scored = rows.scored(row);
  text::TextStream stream(tokenizer, false);
  auto run = scored.begin();
  const auto add = [&](std::size_t at, const std::string& text) {
    while (run != scored.end() && run->end <= at) ++run;
    const float weight = run != scored.end() && run->begin <= at ? run->weight : 0;
    if (out.empty() || out.back().weight != weight) out.push_back({"", weight});
    out.back().text += text;
  };
  const auto shown = std::min(most, ids.size());
  for (std::size_t at = 0; at < shown; ++at) add(at, stream.add(ids[at]));
  if (shown == ids.size() && rows.pads(row) > 0) add(shown, stream.add(rows.pad));
  const auto rest = stream.finish();
  if (!out.empty()) out.back().text += rest;
  return out;
}

}  // namespace strata::data
