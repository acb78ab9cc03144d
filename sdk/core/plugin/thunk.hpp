// The parts that the C functions of the host's tables share: they check a plugin's pointers, lead
// to the Ops of the call, and turn exceptions into statuses.
#pragma once
#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <string_view>

#include "core/plugin/ops.hpp"
#include "core/plugin/words.hpp"

namespace strata::plugin {

// Throws Error: "<op>: <fact>: correct the plugin that calls it".
[[noreturn]] void refuse(std::string_view op, const std::string& fact);

// Calls f(). An exception becomes a status, with words kept for the calling thread.
template <class F>
strata_status guarded(F&& f) noexcept {
  try {
    f();
    return STRATA_OK;
  } catch (...) {
    return report_exception();
  }
}

// Returns the ops of the call; refuses one that is null.
Ops& ops_of(std::string_view op, strata_call* call);

// Returns the tensor, which may be null; refuses one that was released. `what` names the argument.
strata_tensor* alive(std::string_view op, std::string_view what, strata_tensor* tensor);
// Does the same, and refuses null.
strata_tensor* at(std::string_view op, std::string_view what, strata_tensor* tensor);

// The struct as this host knows it. A shorter one, from an older plugin, is filled up with zeros; a
// longer one, from a newer plugin, is refused where it uses the fields beyond.
template <class T>
T known(std::string_view op, const T* given) {
  if (!given || given->hdr.size < sizeof(strata_hdr)) refuse(op, "its arguments are missing");
  T copy{};
  std::memcpy(&copy, given, std::min<std::size_t>(given->hdr.size, sizeof(T)));
  const auto* bytes = reinterpret_cast<const char*>(given);
  for (std::size_t i = sizeof(T); i < given->hdr.size; ++i)
    if (bytes[i] != 0) refuse(op, "asks for something newer than this Strata");
  if (given->hdr.flags != 0) refuse(op, "sets a flag that this Strata does not know");
  copy.hdr = {sizeof(T), 0};
  return copy;
}

// The body of an op's C function: f checks the arguments and calls run(count, arguments...), which
// runs the op. The results are written to `out` only where the op succeeds.
template <auto field, class F>
strata_status enter(const shape::Row<field>& op, strata_call* call, strata_tensor** out,
                    F&& f) noexcept {
  return guarded([&] {
    if (!out) refuse(op.name, "out is null");
    Ops& ops = ops_of(op.name, call);
    f([&](uint32_t count, auto... args) {
      std::array<Handle, shape::most_results> made;
      if (count > made.size())
        refuse(op.name,
               std::to_string(count) + " results, more than " + std::to_string(made.size()));
      run(ops, op, std::span(made).first(count), args...);
      for (uint32_t i = 0; i < count; ++i) out[i] = made[i].give();
    });
  });
}

}  // namespace strata::plugin
