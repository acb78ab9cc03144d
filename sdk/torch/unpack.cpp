#include "torch/unpack.hpp"

#include <deque>

#include "core/error.hpp"
#include "core/plugin/calling.hpp"
#include "core/plugin/lent.hpp"
#include "core/plugin/words.hpp"
#include "torch/pch.hpp"
#include "torch/tensor.hpp"

namespace strata::torch {
namespace {

std::string words_or_none(std::string words) {
  return words.empty() ? "unpack failed without words" : words;
}

}  // namespace

void unpack_rows(const plugin::Codec& codec, const std::string& name,
                 const std::vector<at::Tensor>& parts, at::Tensor dense, strata_call* call) {
  std::deque<plugin::Lent> lent;
  std::vector<strata_tensor*> pointers;
  for (const auto& one : parts) pointers.push_back(lent.emplace_back(handle(one)).get());
  const auto& out = lent.emplace_back(handle(std::move(dense)));
  const strata_parts all{pointers.data(), pointers.size()};
  if (plugin::called(
          codec.who(), "unpack",
          [&] { return codec.table()->unpack(codec.self(), call, &all, out.get()); },
          plugin::Pace::slow) != STRATA_OK)
    throw Error(codec.who(), name + ": " + words_or_none(plugin::take_words()), "correct the file");
  for (const auto& one : lent) one.check(codec.who(), "unpack");
}

}  // namespace strata::torch
