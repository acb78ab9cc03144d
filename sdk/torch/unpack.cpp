#include "torch/unpack.hpp"

#include <utility>

#include "core/error.hpp"
#include "core/plugin/calling.hpp"
#include "core/plugin/words.hpp"
#include "torch/lent_tensors.hpp"
#include "torch/pch.hpp"

namespace strata::torch {
namespace {

// Makes the call, whose failure is an Error that names the weight.
template <class F>
void call_codec(const plugin::Codec& codec, const char* function, const std::string& name,
                const LentTensors& lent, F&& f) {
  const auto status = plugin::called(codec.who(), function, std::forward<F>(f), plugin::Pace::slow);
  if (status != STRATA_OK) {
    const auto words = plugin::take_words();
    throw Error(
        codec.who(),
        name + ": " + (words.empty() ? std::string(function) + " failed without words" : words),
        status == STRATA_UNIMPLEMENTED ? "use --device cpu" : "correct the file");
  }
  lent.check(codec.who(), function);
}

}  // namespace

void unpack_rows(const plugin::Codec& codec, const std::string& name,
                 const std::vector<at::Tensor>& parts, at::Tensor dense, strata_call* call) {
  LentTensors lent;
  auto from = lent.lend(parts);
  auto* const to = lent.lend(std::move(dense));
  const strata_parts all{from.data(), from.size()};
  call_codec(codec, "unpack", name, lent,
             [&] { return codec.table()->unpack(codec.self(), call, &all, to); });
}

void repack_parts(const plugin::Codec& codec, const std::string& name, at::IntArrayRef shape,
                  const std::vector<at::Tensor>& held, const std::vector<at::Tensor>& run,
                  strata_call* call) {
  LentTensors lent;
  auto from = lent.lend(held), to = lent.lend(run);
  const strata_parts before{from.data(), from.size()}, after{to.data(), to.size()};
  call_codec(codec, "repack", name, lent, [&] {
    return codec.table()->repack(codec.self(), call, static_cast<uint32_t>(shape.size()),
                                 shape.data(), &before, &after);
  });
}

}  // namespace strata::torch
