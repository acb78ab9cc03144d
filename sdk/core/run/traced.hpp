// The time of an action in a trace.
#pragma once
#include <deque>

#include "core/device/device.hpp"
#include "core/tier/reader.hpp"
#include "core/zero/simulate.hpp"

namespace strata::run {

// Notes the time when an action's work on its lane begins and, when destroyed, the time when it is
// done, where a trace is wanted.
class Traced {
 public:
  // `Parts` have a trace, which may be null, the device, and the reader of lane io.
  template <class Parts>
  Traced(const Parts& parts, zero::Kind kind, device::Lane lane, uint32_t unit)
      : device_(parts.device), reader_(parts.reader) {
    if (parts.trace) begin(*parts.trace, {kind, lane, unit, 0, 0});
  }
  ~Traced() {
    if (span_) note(&span_->end);
  }
  Traced(const Traced&) = delete;
  Traced& operator=(const Traced&) = delete;

 private:
  void begin(std::deque<zero::Span>& trace, const zero::Span& span);
  void note(double* at);

  device::Device* device_;
  tier::Reader* reader_;
  zero::Span* span_ = nullptr;
};

}  // namespace strata::run
