#include "core/run/traced.hpp"

namespace strata::run {

void Traced::begin(std::deque<zero::Span>& trace, const zero::Span& span) {
  span_ = &trace.emplace_back(span);
  note(&span_->begin);
}

void Traced::note(double* at) {
  if (span_->lane == device::Lane::io) return reader_->note(at);
  device_->note(span_->lane, at);
}

}  // namespace strata::run
