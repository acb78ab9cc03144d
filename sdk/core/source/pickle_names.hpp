// Names in pickles: those of opcodes, for messages, and of the globals that a checkpoint may use.
#pragma once
#include <strata/abi/core.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace strata::source {

enum class PickleGlobal : std::uint8_t { ordered_dict, rebuild_tensor, rebuild_parameter, storage };

struct PickleGlobalNamed {
  PickleGlobal is;
  strata_dtype dtype{};  // of a storage
};

// The meaning of a global; nothing for one that no tensor needs.
std::optional<PickleGlobalNamed> pickle_global(std::string_view module, std::string_view name);

// "NEWOBJ", or the byte in hexadecimal where it is no opcode.
std::string pickle_opcode_name(std::uint8_t opcode);

}  // namespace strata::source
