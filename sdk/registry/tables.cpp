#include "registry/tables.hpp"

#include <strata/abi/draft/attention.h>
#include <strata/abi/draft/quant.h>
#include <strata/abi/model.h>
#include <strata/abi/offload.h>

#include <cstring>
#include <span>

namespace strata::registry {
namespace {

struct Function {
  const char* name;
  std::size_t offset;
};

#define STRATA_FUNCTION(table, name) \
  Function { #name, offsetof(table, name) }

constexpr Function model[] = {
    STRATA_FUNCTION(strata_model, score), STRATA_FUNCTION(strata_model, create),
    STRATA_FUNCTION(strata_model, destroy), STRATA_FUNCTION(strata_model, declare),
    STRATA_FUNCTION(strata_model, forward)};
constexpr Function attention[] = {
    STRATA_FUNCTION(strata_attention, score), STRATA_FUNCTION(strata_attention, create),
    STRATA_FUNCTION(strata_attention, destroy), STRATA_FUNCTION(strata_attention, workspace),
    STRATA_FUNCTION(strata_attention, run)};
constexpr Function quant[] = {
    STRATA_FUNCTION(strata_quant, score),   STRATA_FUNCTION(strata_quant, create),
    STRATA_FUNCTION(strata_quant, destroy), STRATA_FUNCTION(strata_quant, layout),
    STRATA_FUNCTION(strata_quant, pack),    STRATA_FUNCTION(strata_quant, unpack)};
constexpr Function offload[] = {
    STRATA_FUNCTION(strata_offload, score),  STRATA_FUNCTION(strata_offload, options),
    STRATA_FUNCTION(strata_offload, open),   STRATA_FUNCTION(strata_offload, close),
    STRATA_FUNCTION(strata_offload, limits), STRATA_FUNCTION(strata_offload, region_free),
    STRATA_FUNCTION(strata_offload, submit), STRATA_FUNCTION(strata_offload, poll)};
constexpr Function region_new = STRATA_FUNCTION(strata_offload, region_new);
constexpr Function region_bind = STRATA_FUNCTION(strata_offload, region_bind);

std::span<const Function> required(std::string_view kind) {
  if (kind == "model") return model;
  if (kind == "attention") return attention;
  return kind == "quant" ? std::span<const Function>(quant) : std::span<const Function>(offload);
}

bool has(const void* table, const Function& function) {
  strata_hdr header;
  std::memcpy(&header, table, sizeof header);
  void* pointer = nullptr;
  if (header.size < function.offset + sizeof pointer) return false;
  std::memcpy(&pointer, static_cast<const char*>(table) + function.offset, sizeof pointer);
  return pointer != nullptr;
}

}  // namespace

std::string interface_id(std::string_view kind) { return "strata." + std::string(kind) + "/1"; }

std::string missing_function(std::string_view kind, const void* table) {
  for (const auto& function : required(kind))
    if (!has(table, function)) return function.name;
  if (kind == "offload" && !has(table, region_new) && !has(table, region_bind))
    return "region_new or region_bind";
  return {};
}

}  // namespace strata::registry
