#include "bitsandbytes/four_bit_state.hpp"

#include "packed/json.hpp"

namespace bitsandbytes {
namespace {

const Json& member(const Tensors& tensors, const Json& state, std::string_view key,
                   Json::Kind kind) {
  const auto* found = state.find(key);
  if (!found || !found->is(kind))
    throw tensors.refused("the state has no valid " + std::string(key),
                          "fetch the checkpoint again");
  return *found;
}

int64_t length_of(const Tensors& tensors, const Json& value, std::string_view key) {
  const bool fits =
      value.is_integer() && value.number >= 1 && value.number <= static_cast<double>(longest);
  if (!fits)
    throw tensors.refused("the state's " + std::string(key) + " is no length",
                          "fetch the checkpoint again");
  return value.integer();
}

// A block has 32 to 4096 elements, a power of 2.
int64_t block_of(const Tensors& tensors, const Json& state, std::string_view key) {
  const auto out = length_of(tensors, member(tensors, state, key, Json::Kind::number), key);
  if (out < 32 || out > 4096 || (out & (out - 1)) != 0)
    throw tensors.unsupported("a " + std::string(key) + " of " + std::to_string(out));
  return out;
}

Number made_in(const Tensors& tensors, const std::string& dtype) {
  if (dtype == "float32") return Number::single;
  if (dtype == "float16") return Number::half;
  if (dtype == "bfloat16") return Number::brain;
  throw tensors.unsupported("the dtype '" + dtype.substr(0, 40) + "'");
}

}  // namespace

FourBitState::FourBitState(const Tensors& tensors, std::string_view text) {
  const auto json = Json::parse(text, tensors.weight() + ": the state of bitsandbytes");
  const auto& type = member(tensors, json, "quant_type", Json::Kind::text).text;
  if (type != "nf4" && type != "fp4")
    throw tensors.unsupported("the type '" + type.substr(0, 40) + "'");
  nf4 = type == "nf4";
  block = block_of(tensors, json, "blocksize");
  made = made_in(tensors, member(tensors, json, "dtype", Json::Kind::text).text);
  const auto& shape = member(tensors, json, "shape", Json::Kind::list).items;
  if (shape.size() != 2)
    throw tensors.unsupported("a weight with " + std::to_string(shape.size()) + " dimensions");
  out = length_of(tensors, shape[0], "shape");
  in = length_of(tensors, shape[1], "shape");
  if (!json.find("nested_blocksize")) return;
  nested =
      Nested{block_of(tensors, json, "nested_blocksize"),
             static_cast<float>(member(tensors, json, "nested_offset", Json::Kind::number).number)};
}

}  // namespace bitsandbytes
