// Encodes and decodes for the comparison with the reference: a JSON line in, a JSON line out.
//
//   tokenize_driver json FILE       a tokenizer.json
//   tokenize_driver folder FOLDER   files beside each other
//   tokenize_driver gguf FILE       a JSON object with the fields of GgufVocabulary
//   tokenize_driver time FILE       a tokenizer.json; encodes the whole input, answered with
//   {seconds,
//                                   ids}
//   tokenize_driver describe FILE   like gguf; writes the tokenizer.json made of it, reads nothing
//
// A line is a string, answered with {ids, plain, text}, or an array of ids, answered with {text,
// skipped}. `plain` are the ids without what the post-processor adds; `text` is streamed.
#include <chrono>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "text/text_stream.hpp"
#include "text/tokenizer.hpp"

using namespace strata;
using namespace strata::text;
using nlohmann::json;

namespace {

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

source::GgufVocabulary vocabulary(const json& value) {
  source::GgufVocabulary out;
  out.model = value.at("model");
  out.pre = value.value("pre", "");
  value.at("tokens").get_to(out.tokens);
  if (value.contains("merges")) value["merges"].get_to(out.merges);
  if (value.contains("scores")) value["scores"].get_to(out.scores);
  value.at("types").get_to(out.types);
  if (value.contains("unk")) out.unk = value["unk"].get<int32_t>();
  if (value.contains("bos")) out.bos = value["bos"].get<int32_t>();
  if (value.contains("eos")) out.eos = value["eos"].get<int32_t>();
  if (value.contains("add_bos")) out.add_bos = value["add_bos"].get<bool>();
  if (value.contains("add_eos")) out.add_eos = value["add_eos"].get<bool>();
  return out;
}

json answer(const Tokenizer& tokenizer, const json& line) {
  if (line.is_string()) {
    const auto text = line.get<std::string>();
    const auto ids = tokenizer.encode(text);
    TextStream stream(tokenizer, false);
    std::string streamed;
    for (const auto id : ids) streamed += stream.add(id);
    return {{"ids", ids},
            {"plain", tokenizer.encode(text, false)},
            {"text", streamed + stream.finish()}};
  }
  const auto ids = line.get<std::vector<int32_t>>();
  return {{"text", tokenizer.decode(ids, false)}, {"skipped", tokenizer.decode(ids, true)}};
}

Tokenizer open(const std::string& mode, const std::string& path) {
  const auto in_folder = [&](const char* name) { return contents(path + "/" + name); };
  if (mode == "json" || mode == "time") return Tokenizer::from_json(contents(path), path);
  if (mode == "folder")
    return Tokenizer::from_files(
        {path, in_folder("tokenizer.json"), in_folder("tokenizer_config.json"),
         in_folder("special_tokens_map.json"), in_folder("added_tokens.json"),
         in_folder("config.json"), in_folder("tokenizer.model"), in_folder("v.tiktoken"),
         in_folder("vocab.json"), in_folder("merges.txt")});
  return Tokenizer::from_gguf(vocabulary(json::parse(contents(path))), path);
}

}  // namespace

int main(int count, char** words) try {
  if (count != 3) return 2;
  const std::string mode = words[1];
  const auto tokenizer = open(mode, words[2]);
  if (mode == "describe") {
    std::cout << tokenizer.to_json();
    return 0;
  }
  if (mode == "time") {
    const auto text = contents("/dev/stdin");
    const auto begin = std::chrono::steady_clock::now();
    const auto ids = tokenizer.encode(text, false);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    std::cout << json{{"seconds", took.count()}, {"ids", ids}};
    return 0;
  }
  for (std::string line; std::getline(std::cin, line);)
    std::cout << answer(tokenizer, json::parse(line)).dump() << '\n';
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
