// A session over a made model, with tiers that a test chooses.
#pragma once
#include "core/device/cpu_device.hpp"
#include "core/run/session.hpp"
#include "tests/sdk/core/run/checking_compute.hpp"
#include "tests/sdk/core/run/meeting.hpp"
#include "tests/sdk/core/tier/file_tier.hpp"

namespace made {

enum class Offload { files, memory, both };

inline strata::run::Wish wish_of(Offload offload, std::optional<std::uint64_t> budget,
                                 std::uint64_t memory = ~std::uint64_t{0}) {
  strata::run::Wish wish;
  if (offload != Offload::files) {
    wish.tiers.push_back({.name = "memory", .capacity = memory});
    wish.reads.push_back(false);
  }
  if (offload != Offload::memory) {
    wish.tiers.push_back({.name = "files", .in_place = true});
    wish.reads.push_back(true);
  }
  wish.device_memory = budget;
  wish.fill_device = budget.has_value();
  wish.prompt = 3;
  return wish;
}

// `streamed`, `loading`: options of the file tiers that passes and the loader read with. `member`:
// of the meeting of the wish's ranks, outlives the session; `any`: as SessionParts::any_has_tokens.
inline std::unique_ptr<strata::run::Session> open_session(Opener& opener, const MadeModel& model,
                                                          Seen& seen, const strata::run::Wish& wish,
                                                          const std::string& streamed = "{}",
                                                          const std::string& loading = "{}",
                                                          Member* member = nullptr,
                                                          std::function<bool(bool)> any = {}) {
  strata::run::SessionParts parts;
  parts.model = &model.model;
  parts.wish = wish;
  parts.prepared = strata::run::prepare(model.model, wish);
  for (const auto& tier : wish.tiers)
    parts.tiers.push_back(tier.in_place ? opener.open<FileTier>(streamed)
                                        : opener.open<MemoryTier>());
  parts.files = opener.open<FileTier>(loading);
  if (!parts.prepared.resident) parts.rows = opener.open<FileTier>(streamed);
  parts.collective = member;
  parts.any_has_tokens = std::move(any);
  parts.open_compute = [&](const strata::run::ComputeOptions&) {
    return std::make_unique<CheckingCompute>(model, seen);
  };
  parts.open_device = [](std::uint32_t events) {
    return std::make_unique<strata::device::CpuDevice>(events);
  };
  return std::make_unique<strata::run::Session>(std::move(parts));
}

inline void pass(strata::run::Session& session, std::uint32_t seed) {
  const auto vocabulary = static_cast<std::uint32_t>(session.vocabulary());
  std::vector<std::int32_t> ids;
  for (std::int64_t t = 0; t < session.prepared().chunk; ++t)
    ids.push_back(
        static_cast<std::int32_t>((seed * 31 + static_cast<std::uint32_t>(t) * 17) % vocabulary));
  const strata::run::Sequence sequence{0, 0, static_cast<std::uint32_t>(ids.size()),
                                       static_cast<std::int64_t>(ids.size())};
  const std::uint32_t wanted = 0;
  session.pass({ids, {&sequence, 1}, {&wanted, 1}});
}

}  // namespace made
