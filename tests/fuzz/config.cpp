// The JSON of a model's configuration, of an index of shards and of a manifest's mappings.
// covers: sdk/core/source/config.cpp sdk/core/source/config_rope.cpp sdk/core/json.cpp
// covers: sdk/core/source/shard_index.cpp sdk/core/source/gguf_mapping.cpp
// covers: sdk/core/source/part_names.cpp
#include "core/source/config.hpp"

#include "core/error.hpp"
#include "core/source/dtype.hpp"
#include "core/source/gguf_mapping.hpp"
#include "core/source/part_names.hpp"
#include "core/source/shard_index.hpp"

using namespace strata;

namespace {

template <class Call>
void tolerate(Call call) {
  try {
    call();
  } catch (const Error&) {
  }
}

void ask(const source::Config& config) {
  for (const std::string_view path : {"a", "a.b.2", "n|a", "rope_theta", "a.0|b"}) {
    tolerate([&] { config.count(path); });
    tolerate([&] { config.i64(path); });
    tolerate([&] { config.f64(path); });
    tolerate([&] { config.text(path); });
  }
  const std::int64_t whole = 1;
  const double number = 1;
  const std::string_view text = "x";
  tolerate([&] { config.i64("none", &whole); });
  tolerate([&] { config.f64("none", &number); });
  tolerate([&] { config.text("none", &text); });
  for (const std::string_view path : {"", "a", "rope_parameters.full"}) {
    tolerate([&] {
      strata_op_rope rope{};
      rope.hdr.size = sizeof rope;
      config.rope(path, rope);
    });
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  tolerate([&] { ask(source::Config(bytes, "fuzz")); });
  tolerate([&] { source::parse_shard_index(bytes, "fuzz"); });
  tolerate([&] {
    for (const auto& [name, mapping] :
         source::gguf_mappings(parse_json(bytes, "fuzz", {.depth = 16}), "fuzz"))
      source::mapped_name(mapping, "b.1.t");
  });
  tolerate([&] {
    const auto names = source::packed_names(parse_json(bytes, "fuzz", {.depth = 16}), "fuzz");
    std::vector<source::Tensor> tensors;
    for (const auto* name : {"a_blocks", "a_scales"})
      tensors.push_back(
          {.name = name, .shape = {2, 3}, .stored = source::dense_form(source::u8, {2, 3})});
    source::join_parts(tensors, names);
  });
  return 0;
}
