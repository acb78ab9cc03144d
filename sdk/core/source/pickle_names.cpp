#include "core/source/pickle_names.hpp"

#include <utility>

#include "core/source/dtype.hpp"

namespace strata::source {
namespace {

constexpr std::pair<std::string_view, strata_dtype> storages[] = {
    {"DoubleStorage", f64},    {"FloatStorage", f32}, {"HalfStorage", f16},
    {"BFloat16Storage", bf16}, {"LongStorage", i64},  {"IntStorage", i32},
    {"ShortStorage", i16},     {"CharStorage", i8},   {"ByteStorage", u8},
    {"BoolStorage", boolean}};

// The names of refused opcodes; the others need none.
constexpr std::pair<std::uint8_t, std::string_view> opcodes[] = {{'0', "POP"},
                                                                 {'1', "POP_MARK"},
                                                                 {'2', "DUP"},
                                                                 {'F', "FLOAT"},
                                                                 {'I', "INT"},
                                                                 {'L', "LONG"},
                                                                 {'P', "PERSID"},
                                                                 {'S', "STRING"},
                                                                 {'T', "BINSTRING"},
                                                                 {'U', "SHORT_BINSTRING"},
                                                                 {'V', "UNICODE"},
                                                                 {'B', "BINBYTES"},
                                                                 {'C', "SHORT_BINBYTES"},
                                                                 {'d', "DICT"},
                                                                 {'g', "GET"},
                                                                 {'i', "INST"},
                                                                 {'l', "LIST"},
                                                                 {'o', "OBJ"},
                                                                 {'p', "PUT"},
                                                                 {0x81, "NEWOBJ"},
                                                                 {0x82, "EXT1"},
                                                                 {0x83, "EXT2"},
                                                                 {0x84, "EXT4"},
                                                                 {0x8b, "LONG4"},
                                                                 {0x8d, "BINUNICODE8"},
                                                                 {0x8e, "BINBYTES8"},
                                                                 {0x8f, "EMPTY_SET"},
                                                                 {0x90, "ADDITEMS"},
                                                                 {0x91, "FROZENSET"},
                                                                 {0x92, "NEWOBJ_EX"},
                                                                 {0x96, "BYTEARRAY8"},
                                                                 {0x97, "NEXT_BUFFER"},
                                                                 {0x98, "READONLY_BUFFER"}};

}  // namespace

std::optional<PickleGlobalNamed> pickle_global(std::string_view module, std::string_view name) {
  if (module == "collections" && name == "OrderedDict")
    return PickleGlobalNamed{PickleGlobal::ordered_dict};
  if (module == "torch._utils" && name == "_rebuild_tensor_v2")
    return PickleGlobalNamed{PickleGlobal::rebuild_tensor};
  if (module == "torch._utils" && name == "_rebuild_parameter")
    return PickleGlobalNamed{PickleGlobal::rebuild_parameter};
  if (module == "torch.storage" && name == "UntypedStorage")
    return PickleGlobalNamed{PickleGlobal::storage, u8};
  if (module == "torch")
    for (const auto& [storage, dtype] : storages)
      if (storage == name) return PickleGlobalNamed{PickleGlobal::storage, dtype};
  return std::nullopt;
}

std::string pickle_opcode_name(std::uint8_t opcode) {
  static constexpr char hex[] = "0123456789abcdef";
  for (const auto& [code, name] : opcodes)
    if (code == opcode) return std::string(name);
  return std::string("0x") + hex[opcode >> 4] + hex[opcode & 15];
}

}  // namespace strata::source
