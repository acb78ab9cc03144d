#include "core/dry_run/measure.hpp"

#include "core/dry_run/recorder.hpp"
#include "core/error.hpp"

namespace strata::dry_run {
namespace {

using namespace shape;

Measure record(const plugin::Family& family, uint32_t unit, const Value& x,
               const Request& request) {
  Recorder recorder(family.units().at(unit), x.dims[0], request);
  plugin::Call call{{{sizeof(strata_call), 0}, family.host(), nullptr, {STRATA_CPU, 0}}, &recorder};
  const auto out = family.forward(unit, call, recorder.input(x), plugin::Pace::quick);
  const auto shape = dims_of(out.get()->view());
  return {recorder.peak_bytes(),
          recorder.all_bytes(),
          recorder.flops(),
          recorder.kv(),
          recorder.positions(),
          shape[0],
          shape[1],
          recorder.top_k(),
          recorder.position_table(),
          recorder.kept_bytes()};
}

Value ids(int64_t tokens) { return {{STRATA_INT, 64, 1}, {tokens}}; }

}  // namespace

Measure measure(const plugin::Family& family, uint32_t unit, const Request& request) {
  if (request.tokens < 1 || request.sequences < 1 || request.keys < 1 || request.wanted < 0)
    throw Error("model/" + family.name(), "a pass of no tokens, sequences or keys",
                "ask for at least 1 of each");
  const auto kind = family.units().at(unit).kind;
  if (kind == STRATA_UNIT_EMBEDDING) return record(family, unit, ids(request.tokens), request);
  const auto wanted = request.wanted == 0 ? request.sequences : request.wanted;
  const auto rows = kind == STRATA_UNIT_HEAD ? wanted : request.tokens;
  return record(family, unit, {request.dtype, {rows, hidden_size(family)}}, request);
}

void KvLayers::add(const plugin::DeclaredUnit& unit, const Measure& measure) {
  for (const auto& kept : measure.kv) {
    const auto [at, fresh] = units_.emplace(kept.layer, unit.name);
    if (!fresh)
      throw Error(unit.name,
                  "its attention keeps keys and values of layer " + std::to_string(kept.layer) +
                      ", as that of " + at->second + " does",
                  "give each attention a layer of its own");
  }
}

int64_t hidden_size(const plugin::Family& family) { return record(family, 0, ids(1), {}).columns; }

}  // namespace strata::dry_run
