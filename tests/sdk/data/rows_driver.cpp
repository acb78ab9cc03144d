// Encodes rows for the comparison with transformers: a JSON line in, a JSON line out. A line is
// {"tokenizer": FILE, "template": TEXT, "bos", "eos", "row": {...}} with "loss_on", "max_length",
// "score_padding" and "ends" at will; the answer is {"ids", "weights", "cut", "unscored", "pads"}
// or
// {"error"}.
#include <ctime>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

#include "core/error.hpp"
#include "data/encode_row.hpp"

using namespace strata;

namespace {

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

const text::Tokenizer& tokenizer_of(const std::string& path) {
  static std::map<std::string, text::Tokenizer> opened;
  auto found = opened.find(path);
  if (found == opened.end())
    found = opened.emplace(path, text::Tokenizer::from_json(contents(path), path)).first;
  return found->second;
}

data::LossOn loss_on(const std::string& word) {
  return word == "all"          ? data::LossOn::all
         : word == "completion" ? data::LossOn::completion
         : word == "assistant"  ? data::LossOn::assistant
                                : data::LossOn::by_shape;
}

OrderedJson answer(const OrderedJson& query) {
  const auto& tokenizer = tokenizer_of(query.at("tokenizer"));
  const auto find = [&](const std::string& token) { return tokenizer.find(token).value(); };
  data::EncodeOptions options;
  options.max_length = query.value("max_length", 1U << 20);
  options.loss_on = loss_on(query.value("loss_on", ""));
  options.score_padding = query.value("score_padding", false);
  options.eos = find(query.at("eos"));
  options.ends = {*options.eos};
  for (const auto& end : query.value("ends", OrderedJson::array()))
    options.ends.push_back(find(end));
  options.pad = *options.eos;
  const auto now = std::time(nullptr);
  options.now = *std::localtime(&now);
  text::ChatTemplate::Tokens tokens{{"bos_token", query.value("bos", "")},
                                    {"eos_token", query.at("eos")}};
  const auto chat = text::ChatTemplate::from_files(
      {}, {{"default", {"template", query.value("template", "")}}}, "folder", tokens);
  const data::RowEncoder encoder(
      tokenizer, [&]() -> const text::ChatTemplate& { return chat; }, options);
  auto row = query.at("row");
  const auto made = encoder.encode(data::row_of(std::move(row), "row"));
  std::vector<float> weights(made.row.ids.size() + made.row.pads, 0);
  for (const auto& run : made.row.scored)
    for (auto at = run.begin; at < run.end; ++at) weights.at(at) = run.weight;
  return {{"ids", made.row.ids},
          {"weights", weights},
          {"cut", made.cut},
          {"unscored", made.unscored},
          {"pads", made.row.pads}};
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    OrderedJson out;
    try {
      out = answer(OrderedJson::parse(line));
    } catch (const Error& error) {
      out["error"] = error.what();
    }
    std::cout << out.dump() << '\n';
  }
}
