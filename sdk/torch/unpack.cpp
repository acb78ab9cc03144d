#include "torch/unpack.hpp"

#include <deque>
#include <utility>

#include "core/error.hpp"
#include "core/plugin/calling.hpp"
#include "core/plugin/lent.hpp"
#include "core/plugin/words.hpp"
#include "torch/pch.hpp"
#include "torch/tensor.hpp"

namespace strata::torch {
namespace {

// Tensors lent to a plugin for one call.
class LentTensors {
 public:
  strata_tensor* lend(at::Tensor tensor) {
    return lent_.emplace_back(handle(std::move(tensor))).get();
  }
  std::vector<strata_tensor*> lend(const std::vector<at::Tensor>& tensors) {
    std::vector<strata_tensor*> out;
    for (const auto& one : tensors) out.push_back(lend(one));
    return out;
  }
  // Makes the call, whose failure is an Error that names the weight.
  template <class F>
  void call(const plugin::Codec& codec, const char* function, const std::string& name, F&& f) {
    const auto status =
        plugin::called(codec.who(), function, std::forward<F>(f), plugin::Pace::slow);
    if (status != STRATA_OK) {
      const auto words = plugin::take_words();
      throw Error(
          codec.who(),
          name + ": " + (words.empty() ? std::string(function) + " failed without words" : words),
          status == STRATA_UNIMPLEMENTED ? "use --device cpu" : "correct the file");
    }
    for (const auto& one : lent_) one.check(codec.who(), function);
  }

 private:
  std::deque<plugin::Lent> lent_;
};

}  // namespace

void unpack_rows(const plugin::Codec& codec, const std::string& name,
                 const std::vector<at::Tensor>& parts, at::Tensor dense, strata_call* call) {
  LentTensors lent;
  auto from = lent.lend(parts);
  auto* const to = lent.lend(std::move(dense));
  const strata_parts all{from.data(), from.size()};
  lent.call(codec, "unpack", name,
            [&] { return codec.table()->unpack(codec.self(), call, &all, to); });
}

void repack_parts(const plugin::Codec& codec, const std::string& name, at::IntArrayRef shape,
                  const std::vector<at::Tensor>& held, const std::vector<at::Tensor>& run,
                  strata_call* call) {
  LentTensors lent;
  auto from = lent.lend(held), to = lent.lend(run);
  const strata_parts before{from.data(), from.size()}, after{to.data(), to.size()};
  lent.call(codec, "repack", name, [&] {
    return codec.table()->repack(codec.self(), call, static_cast<uint32_t>(shape.size()),
                                 shape.data(), &before, &after);
  });
}

}  // namespace strata::torch
