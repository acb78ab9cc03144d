#include "core/run/agreement.hpp"

#include <algorithm>

#include "core/zero/shard.hpp"

namespace strata::run {

Agreement::Agreement(device::Device& device, device::Collective& collective, uint32_t choices,
                     uint32_t event)
    : device_(device), collective_(collective), choices_(choices), event_(event),
      shard_(zero::shard_bytes(uint64_t{choices} * collective.ranks(), collective.ranks())),
      flags_(device.staging(shard_ * collective.ranks())) {}

std::vector<uint32_t> Agreement::all(std::span<const uint32_t> own) {
  auto* mine = flags_ + shard_ * collective_.rank();
  std::fill_n(mine, shard_, std::byte{0});
  for (const auto choice : own) mine[choice] = std::byte{1};
  device_.gather(collective_, flags_, shard_);
  device_.record(device::Lane::comm, event_, ++occurrences_);
  device_.synchronize(event_, occurrences_);
  std::vector<uint32_t> out;
  for (uint32_t choice = 0; choice < choices_; ++choice)
    for (uint32_t rank = 0; rank < collective_.ranks(); ++rank)
      if (flags_[shard_ * rank + choice] != std::byte{0}) {
        out.push_back(choice);
        break;
      }
  return out;
}

}  // namespace strata::run
