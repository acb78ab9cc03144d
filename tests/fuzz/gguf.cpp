// A GGUF file's header, and config.json and vocabulary out of its metadata.
// covers: sdk/core/source/gguf.cpp sdk/core/source/gguf_cursor.cpp
// covers: sdk/core/source/gguf_metadata.cpp sdk/core/source/gguf_config.cpp
// covers: sdk/core/source/gguf_rope.cpp sdk/core/source/ggml_types.cpp
#include "core/source/gguf.hpp"

#include <cstdlib>
#include <cstring>

#include "core/error.hpp"
#include "core/json.hpp"
#include "core/source/gguf_config.hpp"

using namespace strata;

namespace {

const source::GgufMapping& mapping() {
  static const auto all = source::gguf_mappings(
      parse_json(
          R"({"a":{"model_type":"a","config":{"max_position_embeddings":{"key":"a.n","optional":true},)"
          R"("heads":{"key":"a.h|a.i","same":"b","default":2},"size":{"count":"a.l"},)"
          R"("tied":{"absent":"t"},"there":{"present":"t"}},"equal":[["a.n","a.h"]],)"
          R"("rope":{"prefix":"a.rope","factors":"f"},"names":{"m.{}.t":"b.{}.t","m.{}.e.{}.t":"b.{}.t.{}"}}})",
          "mapping"),
      "mapping");
  return all.at("a");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const source::ReadAt read = [&](std::uint64_t offset, std::span<std::byte> into) {
    if (offset > size || into.size() > size - offset) std::abort();
    std::memcpy(into.data(), data + offset, into.size());
  };
  try {
    const auto file = source::parse_gguf(read, size, "fuzz", 0);
    for (const auto& tensor : file.tensors) {
      if (tensor.stored.file().offset + tensor.stored.file().bytes > size) std::abort();
      source::mapped_name(mapping(), tensor.name);
    }
    source::gguf_vocabulary(file);
    const std::vector<double> some(file.tensors.size() % 3, 1.5);
    const auto factors = file.tensors.size() % 2 == 0 ? source::GgufRopeFactors{some, {}, {}}
                                                      : source::GgufRopeFactors{{}, some, some};
    parse_json(source::gguf_config(file, mapping(), factors), "config");
  } catch (const Error&) {
  }
  return 0;
}
